#pragma once
// The data directory: whose it is, its first key, and the ballast that a full disk is answered with.

#include <chrono>
#include <string>

#include "os/file.h"

namespace mayfly {

class DataFolder {
 public:
  /// Makes it (0700) and takes its lock. conflict: another server has it; the sentence names its process.
  static Result<DataFolder> open(const std::string& path);

  const std::string& path() const { return path_; }

  /// Held open by helper processes of this life and, after a crash, of the one before. settle() gets it.
  int helpers_lock() const { return helpers_.get(); }
  /// True once no helper of an earlier life holds it; waits at most `patience`.
  bool settle(std::chrono::milliseconds patience) const;

  /// Set aside on disk so that deletes can go on when it is full; there already is success.
  Status make_ballast() const;
  void free_ballast() const;

 private:
  std::string path_;
  os::Fd lock_;
  os::Fd helpers_;
};

struct AdminKey {
  std::string secret;
  bool made = false;   // just now: it is printed once
};

/// MAYFLY_ADMIN_KEY, else DIR/admin.key (0600), else a new one kept there.
Result<AdminKey> admin_key(const DataFolder& folder);

}  // namespace mayfly
