#pragma once
// Domain values as this dialect's JSON.

#include <boost/json.hpp>

#include "core/cleanup.h"

namespace mayfly::api::aeontel {

boost::json::object render(const Task& task);

boost::json::value or_null(const std::string& text);
boost::json::value or_null(const std::optional<Time>& at);

}  // namespace mayfly::api::aeontel
