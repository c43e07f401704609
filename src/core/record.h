#pragma once

#include "base/result.h"
#include "core/resource.h"

namespace mayfly {

/// What is a row and nothing else: an app, which is a folder of elements, or an element with its document.
struct Record {
  Resource resource;
  std::string content;       // of an element: JSON text
};

constexpr std::size_t longest_record_name = 100;
constexpr std::size_t largest_content = 64 * 1024;   // bytes of JSON

/// 1 to 100 bytes without control characters.
Status check_record_name(std::string_view name);

}  // namespace mayfly
