#pragma once
// Who runs next. Fibers pause at every call of a port; which of those that could go on does so is drawn.

#include <list>
#include <memory>
#include <optional>

#include "simulation/chance.h"
#include "simulation/fiber.h"

namespace mayfly::simulation {

/// Wakes whoever waits for it; rung before, the next wait ends at once. As main/executor.h has them.
struct Bell {
  bool rung = false;
  void ring() { rung = true; }
};

class Scheduler {
 public:
  Scheduler(Chance& chance, VirtualClock& clock) : chance_(chance), clock_(clock) {}
  ~Scheduler() { kill_all(); }

  void spawn(std::string name, std::function<void()> body);

  // From inside of a fiber. Each throws SimulatedCrash once the process has died.
  void pause();                                                 // anybody may act now
  void sleep(Duration span);
  void wait(Bell& bell, std::optional<Time> until = {});        // no longer than until then

  /// No pause takes effect while one of these lives: for what holds a real mutex over calls of a port.
  class Atomic {
   public:
    explicit Atomic(Scheduler& of) : of_(of) { ++of_.atomic_; }
    ~Atomic() { --of_.atomic_; }

   private:
    Scheduler& of_;
  };
  bool may_pause() const { return atomic_ == 0 && Fiber::running() != nullptr; }

  // From outside.
  bool any_ready();
  void step();                                                  // one of those that are ready goes on
  std::optional<Time> next_wake() const;                        // of those that sleep
  std::size_t count(std::string_view name) const;
  std::string story() const;                                    // who waits for what
  /// A fiber has met the death of the process; the others go on until kill_all.
  bool died() const { return died_; }
  /// Every fiber ends where it stands.
  void kill_all();

 private:
  struct Thread {
    Thread(std::string name, std::function<void()> body) : fiber(std::move(name), std::move(body)) {}
    Fiber fiber;
    Bell* bell = nullptr;
    std::optional<Time> until{};
    bool waits = false;
  };
  bool ready(const Thread& thread) const;
  void park(Bell* bell, std::optional<Time> until);

  Chance& chance_;
  VirtualClock& clock_;
  std::list<Thread> threads_;
  std::vector<Thread*> ready_;
  Thread* current_ = nullptr;
  int atomic_ = 0;
  bool dying_ = false;
  bool died_ = false;
};

}  // namespace mayfly::simulation
