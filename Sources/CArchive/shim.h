// libarchive, with its file-type macros (casts, which Swift cannot import) as functions.
#pragma once

#include <archive.h>
#include <archive_entry.h>

static inline int shim_is_regular_file(struct archive_entry *entry) {
  return archive_entry_filetype(entry) == AE_IFREG;
}

static inline int shim_is_folder(struct archive_entry *entry) {
  return archive_entry_filetype(entry) == AE_IFDIR;
}
