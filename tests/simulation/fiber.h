#pragma once
// A function on a stack of its own, which pauses where it says so: the threads of the simulated server are these, so
// that one real thread runs them all in an order that a seed decides.

#include <functional>
#include <string>

#include <ucontext.h>

namespace mayfly::simulation {

class Fiber {
 public:
  Fiber(std::string name, std::function<void()> body);
  /// It must have ended.
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Goes on until it pauses or ends. Not from inside of another one.
  void resume();
  bool ended() const { return ended_; }
  const std::string& name() const { return name_; }

  /// Of the one that runs: back to whoever resumed it.
  static void pause();
  /// The one that runs, or nullptr.
  static Fiber* running();

 private:
  static void enter();
  void switch_in();
  void switch_out(bool for_ever);

  const std::string name_;
  const std::function<void()> body_;
  bool ended_ = false;
  void* stack_ = nullptr;
  ucontext_t inside_{}, outside_{};
  // What the sanitizers want to know about stacks.
  void* inside_fake_ = nullptr;
  void* outside_fake_ = nullptr;
  const void* outside_bottom_ = nullptr;
  std::size_t outside_size_ = 0;
  void* inside_tsan_ = nullptr;
  void* outside_tsan_ = nullptr;
};

}  // namespace mayfly::simulation
