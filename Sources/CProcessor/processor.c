#include "processor.h"

#include <stdio.h>
#include <stdlib.h>

void stop_because(const char *message, const char *file, int line) {
  fprintf(stderr, "%s:%d: %s\n", file, line, message);
  abort();
}
