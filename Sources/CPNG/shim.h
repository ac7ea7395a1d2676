// libpng's message, an array that Swift would import as a tuple, as a pointer.
#pragma once

#include <png.h>

static inline const char *shim_png_message(const png_image *image) { return image->message; }
