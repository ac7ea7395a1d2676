// The XML parser Expat.
#pragma once

#include <expat.h>
