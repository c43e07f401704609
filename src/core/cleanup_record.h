#pragma once
// What is kept about cleanup tasks beside the tasks: attempts that failed, what stands still and why, and what somebody
// took upon themselves.

#include <string>

#include "core/cleanup.h"

namespace mayfly {

/// One try of a step, from its claim's effect to its record.
struct Attempt {
  TaskId task;
  int number = 0;               // from 1, never begun anew
  Time began_at{};
  Time ended_at{};
  std::string error_code;       // empty: it succeeded
  std::string error;
};

/// A part of the work that does not go on until somebody says so.
struct Pause {
  std::string scope;            // "all", "workspace:wsp_...", "kind:sandbox"; "allowed:wsp_..." holds nothing up
  std::string reason;
  std::string actor;
  Time at{};
  bool tripped = false;         // by the blast-radius breaker, not by a person
};

/// A step that was skipped: what it should have removed may still be there, and somebody said that this is known.
struct Orphan {
  TaskId task;
  TaskId root;
  ResourceId resource;
  ResourceId workspace;
  Verb verb = Verb::delete_sandbox;
  std::string reason;
  std::string actor;
  Time at{};
};

/// Words of Pause::scope.
std::string pause_all();
std::string pause_of(const ResourceId& workspace);
std::string pause_of(Kind kind);
std::string allowance_of(const ResourceId& workspace);

/// The pause that holds up that kind in that workspace; nullptr: none does.
const Pause* paused_by(const std::vector<Pause>& pauses, const ResourceId& workspace, Kind kind);

}  // namespace mayfly
