#pragma once
// A cleanup tree that is followed, as a row of records: `task` for each that has changed, `progress` behind them,
// `end` when the task has ended. Each dialect brings its own words for what a record holds.

#include <functional>

#include <boost/json/object.hpp>

#include "api/services.h"
#include "http/message.h"

namespace mayfly::api {

struct CleanupWords {
  std::function<boost::json::object(const Task&)> task;
  std::function<boost::json::object(const CleanupProgress&)> progress;
  std::function<boost::json::object(const Error&)> problem;
};

/// Server-sent events, or lines of JSON when the request accepts application/x-ndjson and not these.
Result<http::Response> follow_cleanup(Services& services, const Caller& caller, const http::Request& request,
                                      CleanupWords words);

}  // namespace mayfly::api
