#pragma once

struct signalfd_siginfo;

namespace mayfly::agent {

/// Who may end the agent. As PID 1 only somebody outside its pid namespace: inside, every process of the guest's root
/// may send it SIGTERM. Elsewhere anybody whom the kernel lets.
class StopRule {
 public:
  /// Looks at where we are; to be asked before the guest runs anything.
  StopRule();

  /// Whether a signal is a wish to stop, and a rightful one.
  bool allows(const signalfd_siginfo& signal) const;

 private:
  bool first_ = false;           // PID 1 of its namespace
  bool foreign_root_ = false;    // uid 0 here is not uid 0 of the host
};

}  // namespace mayfly::agent
