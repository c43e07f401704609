#pragma once
// Structured logs: one JSON object a line on stderr. Nothing secret is ever passed in here.

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly::log {

enum class Level { debug, info, warning, error };
using Fields = std::initializer_list<std::pair<std::string_view, std::string>>;

void set_level(Level level);
void line(Level level, std::string_view message, Fields fields = {});

inline void info(std::string_view message, Fields fields = {}) { line(Level::info, message, fields); }
inline void warning(std::string_view message, Fields fields = {}) { line(Level::warning, message, fields); }
inline void error(std::string_view message, Fields fields = {}) { line(Level::error, message, fields); }

}  // namespace mayfly::log
