#pragma once
// Who holds an answer that goes on for as long as somebody reads it. Each takes a thread and memory of the server, so
// there are only so many, no key has most of them, and all of them end when the server does.

#include <functional>
#include <memory>

#include "base/result.h"
#include "core/caller.h"

namespace mayfly {

class Streams {
 public:
  static constexpr int limit = 128;

  class Place;
  Streams();

  /// A place, until it is dropped. A key may have one more while it holds less than half of what is free: a lone one
  /// gets a third of all, and there is always one for a key that has none. exhausted: too_many_streams. busy: none is
  /// free at all.
  Result<std::shared_ptr<Place>> take(const Caller& caller);

  /// Interrupts all that are open, and from now on each new one at once.
  void stop();
  bool stopping() const;

  struct State;

 private:
  const std::shared_ptr<State> state_;
};

class Streams::Place {
 public:
  Place(std::shared_ptr<State> state, KeyId key) : state_(std::move(state)), key_(std::move(key)) {}
  ~Place();
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  /// Runs when the server stops while this place is held, at once if it does already. It must not block.
  void on_stop(std::function<void()> interrupt);

 private:
  const std::shared_ptr<State> state_;
  const KeyId key_;
};

}  // namespace mayfly
