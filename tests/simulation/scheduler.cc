#include "simulation/scheduler.h"

#include <algorithm>

#include "base/result.h"
#include "store/memory/store.h"

namespace mayfly::simulation {

void Scheduler::spawn(std::string name, std::function<void()> body) {
  // Nothing begins in a process that is ending.
  if (dying_) return;
  threads_.emplace_back(std::move(name), [this, body = std::move(body)] {
    try {
      if (!dying_) body();
    } catch (const SimulatedCrash&) {
      died_ = true;
    }
  });
}

void Scheduler::park(Bell* bell, std::optional<Time> until) {
  if (dying_) throw SimulatedCrash{};
  if (!may_pause()) return;
  auto& self = *current_;
  self.waits = bell != nullptr || until.has_value();
  self.bell = bell;
  self.until = until;
  Fiber::pause();
  if (dying_) throw SimulatedCrash{};
}

void Scheduler::pause() { park(nullptr, {}); }
void Scheduler::sleep(Duration span) { park(nullptr, clock_.now() + span); }

void Scheduler::wait(Bell& bell, std::optional<Time> until) {
  while (!bell.rung && !(until && *until <= clock_.now())) {
    CHECK(may_pause());
    park(&bell, until);
  }
  bell.rung = false;
}

bool Scheduler::ready(const Thread& thread) const {
  return !thread.waits || (thread.bell && thread.bell->rung) || (thread.until && *thread.until <= clock_.now());
}

bool Scheduler::any_ready() {
  ready_.clear();
  for (auto& thread : threads_)
    if (ready(thread)) ready_.push_back(&thread);
  return !ready_.empty();
}

void Scheduler::step() {
  CHECK(any_ready());
  current_ = ready_[chance_.below(ready_.size())];
  current_->fiber.resume();
  if (current_->fiber.ended()) threads_.remove_if([this](const Thread& thread) { return &thread == current_; });
  current_ = nullptr;
}

std::optional<Time> Scheduler::next_wake() const {
  std::optional<Time> first;
  for (const auto& thread : threads_)
    if (thread.waits && thread.until && (!first || *thread.until < *first)) first = thread.until;
  return first;
}

std::size_t Scheduler::count(std::string_view name) const {
  return static_cast<std::size_t>(std::count_if(threads_.begin(), threads_.end(),
                                                [&](const Thread& thread) { return thread.fiber.name() == name; }));
}

std::string Scheduler::story() const {
  std::string text;
  for (const auto& thread : threads_)
    text += thread.fiber.name() + (ready(thread) ? " is ready" : thread.bell ? " waits" : " sleeps") +
            (thread.waits && thread.until ? " until " + format(*thread.until) : "") + "\n";
  return text;
}

void Scheduler::kill_all() {
  CHECK(atomic_ == 0);
  dying_ = true;
  for (auto& thread : threads_) {
    current_ = &thread;
    while (!thread.fiber.ended()) thread.fiber.resume();
  }
  threads_.clear();
  current_ = nullptr;
  dying_ = died_ = false;
}

}  // namespace mayfly::simulation
