#pragma once

#include <optional>
#include <string>

#include <archive.h>
#include <archive_entry.h>

#include "base/result.h"

namespace mayfly::os {

struct FreeReader {
  void operator()(archive* a) const { archive_read_free(a); }
};
struct FreeWriter {
  void operator()(archive* a) const { archive_write_free(a); }
};
struct FreeEntry {
  void operator()(archive_entry* e) const { archive_entry_free(e); }
};

/// Why a call of libarchive failed: the error our own callback left in `cause`, else what the library says.
inline Error archive_error(archive* a, const std::optional<Error>& cause, const std::string& what, Code code) {
  if (cause) return *cause;
  const char* text = archive_error_string(a);
  return {code, what + ": " + (text != nullptr ? text : "no reason given"), {}, {}};
}

}  // namespace mayfly::os
