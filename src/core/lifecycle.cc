#include "core/lifecycle.h"

#include <array>
#include <initializer_list>

namespace mayfly::lifecycle {

namespace {

constexpr std::array move_names = {"begin_start", "started", "start_failed", "pause",  "paused", "resume",   "resumed",
                                   "stop",        "stopped", "start",        "lost",   "delete", "forgotten"};

bool one_of(State state, std::initializer_list<State> states) {
  for (auto s : states)
    if (s == state) return true;
  return false;
}

}  // namespace

std::string_view name(Move move) { return move_names[static_cast<std::size_t>(move)]; }

Result<State> next(State state, Move move) {
  using enum State;
  switch (move) {
    case Move::begin_start:  if (state == requested) return starting; break;
    case Move::started:      if (state == starting) return running; break;
    case Move::start_failed: if (state == starting) return failed; break;
    case Move::ask_pause:    if (state == running) return pausing; break;
    case Move::paused:       if (state == pausing) return paused; break;
    case Move::ask_resume:   if (state == paused) return resuming; break;
    case Move::resumed:      if (state == resuming) return running; break;
    case Move::ask_stop:
      if (one_of(state, {requested, starting, running, pausing, paused, resuming, failed})) return stopping;
      break;
    case Move::stopped:      if (state == stopping) return stopped; break;
    case Move::ask_start:    if (one_of(state, {stopped, failed})) return starting; break;
    case Move::lost:         if (one_of(state, {running, pausing, paused, resuming})) return stopping; break;
    case Move::ask_delete:   if (!one_of(state, {deleting, gone})) return deleting; break;
    case Move::forgotten:    if (state == deleting) return gone; break;
  }
  return fail(Code::conflict,
              "cannot " + std::string(name(move)) + " while the state is " + std::string(mayfly::name(state)),
              "state_" + std::string(mayfly::name(state)));
}

bool transitional(State state) {
  using enum State;
  return one_of(state, {requested, starting, pausing, resuming, stopping});
}

bool in_flight(State state) { return transitional(state) || state == State::deleting; }

bool may_run(State state) {
  using enum State;
  return one_of(state, {starting, running, pausing, paused, resuming, stopping, deleting});
}

}  // namespace mayfly::lifecycle
