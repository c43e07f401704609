#pragma once
// Domain values in this dialect's words.

#include <boost/json.hpp>

#include "api/services.h"
#include "http/message.h"

namespace mayfly::api::dreadnode {

boost::json::object render(const RuntimeView& view, const Caller& caller);
/// With the credential that its sandbox is reached with.
boost::json::object render_started(const Services& services, const RuntimeView& view, const Caller& caller,
                                   const http::Request& request);
boost::json::object render_config(const Runtime& runtime, const Caller& caller);
boost::json::object render(const Sandbox& sandbox);
boost::json::object render(const KeptAlive& kept);

/// "running", "paused" or "killed"; those of ours that it has no word for are what they are.
std::string_view state_word(State of_sandbox);
boost::json::value pause_reason(const Sandbox& sandbox);

}  // namespace mayfly::api::dreadnode
