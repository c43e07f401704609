#pragma once

#include <string>

namespace mayfly::bench {

/// crun by hand, with the configuration of a sandbox of ours: the same namespaces, ids, capabilities, limits and
/// seccomp program, on a plain root file system.
class RawCrun {
 public:
  /// `like`: the config.json of a running sandbox; `image`: its root file system.
  RawCrun(const std::string& like, const std::string& image);
  ~RawCrun();

  void run_true();                       // one container that runs `true` and ends
  void start(const std::string& id);     // one that sleeps
  void exec_true(const std::string& id);
  void remove(const std::string& id);    // crun delete -f

 private:
  void bundle(const std::string& name, const std::string& command);
  int crun(const std::string& arguments, const std::string& cwd, bool creates);

  std::string folder_, like_;
  unsigned first_id_ = 0;
  int runs_ = 0;
};

}  // namespace mayfly::bench
