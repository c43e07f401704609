#include "app/streams.h"

#include <map>
#include <mutex>

namespace mayfly {

struct Streams::State {
  std::mutex mutex;
  std::map<KeyId, int> held;
  int taken = 0;
  bool stopping = false;
  std::map<const Place*, std::function<void()>> interrupts;
};

Streams::Streams() : state_(std::make_shared<State>()) {}

Result<std::shared_ptr<Streams::Place>> Streams::take(const Caller& caller) {
  const std::lock_guard guard(state_->mutex);
  const int free = limit - state_->taken;
  if (free == 0)
    return fail(Code::busy, "all " + std::to_string(limit) + " places for streams are taken", "overloaded");
  auto& held = state_->held[caller.key];
  if (held > 0 && held >= free / 2)
    return fail(Code::exhausted,
                "this key has " + std::to_string(held) + " streams open (processes, files on their way); the " +
                    std::to_string(free) + " places that are left are for others: end some of them first",
                "too_many_streams");
  ++held;
  ++state_->taken;
  return std::make_shared<Place>(state_, caller.key);
}

void Streams::stop() {
  const std::lock_guard guard(state_->mutex);
  state_->stopping = true;
  for (const auto& [place, interrupt] : state_->interrupts) interrupt();
}

bool Streams::stopping() const {
  const std::lock_guard guard(state_->mutex);
  return state_->stopping;
}

Streams::Place::~Place() {
  const std::lock_guard guard(state_->mutex);
  state_->interrupts.erase(this);
  --state_->taken;
  const auto held = state_->held.find(key_);
  if (--held->second == 0) state_->held.erase(held);
}

void Streams::Place::on_stop(std::function<void()> interrupt) {
  const std::lock_guard guard(state_->mutex);
  if (state_->stopping) interrupt();
  state_->interrupts[this] = std::move(interrupt);
}

}  // namespace mayfly
