#include "main/log.h"

#include <chrono>

#include <boost/json.hpp>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "base/time.h"

namespace mayfly::log {

namespace {

spdlog::level::level_enum level_of(Level level) {
  switch (level) {
    case Level::debug: return spdlog::level::debug;
    case Level::info: return spdlog::level::info;
    case Level::warning: return spdlog::level::warn;
    case Level::error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

spdlog::logger& logger() {
  static const auto made = [] {
    auto stderr_logger = std::make_shared<spdlog::logger>("mayfly", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    stderr_logger->set_pattern("%v");
    return stderr_logger;
  }();
  return *made;
}

}  // namespace

void set_level(Level level) { logger().set_level(level_of(level)); }

void line(Level level, std::string_view message, Fields fields) {
  if (!logger().should_log(level_of(level))) return;
  constexpr std::string_view names[] = {"debug", "info", "warning", "error"};
  boost::json::object object = {
      {"time", format(std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()))},
      {"level", names[static_cast<std::size_t>(level)]},
      {"message", message}};
  for (const auto& [key, value] : fields) object[key] = value;
  logger().log(level_of(level), boost::json::serialize(object));
}

}  // namespace mayfly::log
