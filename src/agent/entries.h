#pragma once
// What a folder holds, told in the words of the protocol.

#include <string>
#include <vector>

#include "agent/fd.h"
#include "agent/answer.h"

struct stat;

namespace mayfly::agent {

/// Names in an open folder, sorted, without "." and "..": the first `limit` of them, and whether there are more.
struct Names {
  std::vector<std::string> names;
  bool cut = false;
};
Names names_in(int folder, std::size_t limit);

/// Whether an open file or folder lies in proc, sysfs or a cgroup file system: nobody made it.
bool made_by_the_kernel(int file);

/// The fields of one entry: `name` as the caller shall see it.
void write_entry(wire::Writer& to, const std::string& name, const struct stat& info, const std::string& target);

/// Collects encoded entries up to the limits of one answer.
class Listing {
 public:
  /// False when it does not fit: then the listing is cut.
  bool add(const std::string& name, const struct stat& info, const std::string& target);
  void cut() { cut_ = true; }
  std::size_t room() const { return wire::list_limit - entries_.size(); }
  /// Sorted by name.
  Answer answer();

 private:
  struct Entry {
    std::string name, fields;
  };
  std::vector<Entry> entries_;
  std::size_t bytes_ = 0;
  bool cut_ = false;
};

}  // namespace mayfly::agent
