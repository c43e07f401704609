#pragma once
// How the reader words its complaints.

#include <string>
#include <string_view>
#include <vector>

#include "json/reader.h"

namespace mayfly::json {

std::string text_within(TextLimits limits);        // "a string of 1 to 63 bytes"
std::string integer_within(IntegerLimits limits);  // "an integer of at least 1"
std::string number_within(NumberLimits limits);    // "a number from 0.5 to 3"
std::string count_of(std::size_t count, std::string_view thing);  // "3 strings"
std::string listed(const std::vector<std::string>& words);        // "a, b, c"

/// The path of a member: "lifetime.idle_seconds", or `labels["a.b"]` where a dot would not do.
std::string below(const std::string& path, std::string_view key);

/// Code::invalid with all of them, and a message about the first that says how many more there are.
Error error_of(const std::vector<FieldError>& errors, std::size_t dropped);

}  // namespace mayfly::json
