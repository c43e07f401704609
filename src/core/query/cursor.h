#pragma once
// A place in a list, as clients carry it: base64url of the values of the sort keys of one row, of what they are bound
// to, and of a signature over both. It grants nothing: who may see what is decided anew at every call.

#include <functional>
#include <string>
#include <vector>

#include "core/query/entity.h"
#include "core/query/refusal.h"

namespace mayfly::query {

/// What a cursor is good for: this list, in this order, filtered so, for this caller.
struct Binding {
  std::string list;
  std::string order;
  std::string filter;
  std::string caller;
};

struct CursorKey {
  std::uint8_t number = 0;
  std::string secret;
};

/// 32 bytes for a secret and a text: HMAC-SHA-256.
using Mac = std::function<std::string(std::string_view secret, std::string_view text)>;

namespace limits {
constexpr std::size_t cursor = 1'024;   // characters
}

class Cursors {
 public:
  /// The newest key first: it signs, and all of them are believed.
  Cursors(std::vector<CursorKey> keys, Mac mac) : keys_(std::move(keys)), mac_(std::move(mac)) {}

  std::string make(const Binding& binding, const std::vector<Datum>& values) const;
  /// invalid_cursor; `found` says why: malformed, altered, retired_key, other_list, other_order, other_filter,
  /// other_caller.
  Read<std::vector<Datum>> read(std::string_view cursor, const Binding& binding, const std::string& param) const;

 private:
  std::string head(const Binding& binding) const;
  std::string hash(std::string_view text) const;

  std::vector<CursorKey> keys_;
  Mac mac_;
};

}  // namespace mayfly::query
