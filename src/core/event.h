#pragma once

#include <map>
#include <string>

#include "base/id.h"

namespace mayfly {

/// One line of the append-only audit log, written in the transaction it tells of.
struct Event {
  EventId id;
  std::string type;                          // "sandbox.created", "cleanup.completed", ...
  ResourceId subject;
  ResourceId workspace;
  std::string actor;                         // "user:admin", "system:deadline"
  std::string request_id;                    // empty when no request caused it
  std::map<std::string, std::string> data;   // small facts; never a secret
  Time at{};
  EventId parent = {};                       // the event that caused this one
  UserId user = {};                          // who asked; empty where Mayfly itself acts
};

}  // namespace mayfly
