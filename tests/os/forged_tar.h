#pragma once

#include <functional>
#include <string>

#include <archive.h>
#include <archive_entry.h>

#include "os/support.h"
#include "os/zstd_stream.h"

namespace mayfly::os::testing {

/// A tar written by hand, in order to hold what pack_layer never writes.
class Forged {
 public:
  Forged() : tar_(archive_write_new()) {
    archive_write_set_format_pax(tar_);
    archive_write_set_options(tar_, "hdrcharset=BINARY,xattrheader=LIBARCHIVE");
    archive_write_set_bytes_in_last_block(tar_, 1);
    archive_write_open(tar_, this, nullptr, take, nullptr);
  }
  ~Forged() { archive_write_free(tar_); }

  Forged& add(const std::string& path, unsigned type, const std::string& content = "",
              const std::function<void(archive_entry*)>& change = nullptr) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, path.c_str());
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, 0755);
    if (type == AE_IFREG) archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
    if (type == AE_IFLNK) archive_entry_set_symlink(entry, content.c_str());
    if (change) change(entry);
    archive_write_header(tar_, entry);
    if (type == AE_IFREG) archive_write_data(tar_, content.data(), content.size());
    archive_entry_free(entry);
    return *this;
  }
  Forged& root() { return add(".", AE_IFDIR); }
  Forged& hardlink(const std::string& path, const std::string& target) {
    return add(path, AE_IFREG, "", [&](archive_entry* entry) { archive_entry_set_hardlink(entry, target.c_str()); });
  }

  std::string plain() {
    archive_write_close(tar_);
    return plain_;
  }
  std::string packed() {
    StringSink sink;
    ZstdSink zstd(sink);
    must(zstd.write(plain()).has_value() && zstd.finish().has_value(), "zstd");
    return sink.text;
  }

 private:
  static la_ssize_t take(archive*, void* self, const void* bytes, std::size_t count) {
    static_cast<Forged*>(self)->plain_.append(static_cast<const char*>(bytes), count);
    return static_cast<la_ssize_t>(count);
  }
  archive* tar_;
  std::string plain_;
};

}  // namespace mayfly::os::testing
