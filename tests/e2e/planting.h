#pragma once
// Things on the host that carry the instance of a server and that no record of it knows, made by hand.

#include <string>
#include <vector>

#include <sys/types.h>

#include "e2e/server.h"

namespace mayfly::test {

class Planting {
 public:
  /// `sandbox` is one that runs: what is planted looks like what belongs to it.
  Planting(Server& server, const std::string& sandbox);
  ~Planting();
  Planting(const Planting&) = delete;
  Planting& operator=(const Planting&) = delete;

  // Each gives the place that doctor must name. `uid` is 32 hex digits.
  std::string group_with_process(const std::string& uid);
  std::string empty_group(const std::string& uid);
  std::string mount(const std::string& uid);
  std::string link(const std::string& uid);
  std::string layer(const std::string& uid, const std::string& text);
  std::string trash(const std::string& uid);
  std::string run_folder(const std::string& uid, int generation);

  const std::string& instance() const { return instance_; }
  /// Kills every process of that sandbox from outside, as nobody of Mayfly would.
  void kill_all_of(const std::string& uid) const;

 private:
  std::string name_of(const std::string& uid, int generation = 1) const;

  Server& server_;
  std::string instance_;
  std::vector<std::string> groups_;   // paths of the sandbox's own groups, one of each hierarchy
  std::string own_name_;
  std::vector<pid_t> processes_;
  int links_ = 0;
};

/// A uid that nothing has: its last digits are the number.
std::string stray_uid(int number);

}  // namespace mayfly::test
