#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace mayfly::os {

/// SHA-256, as lower-case hex.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void update(std::span<const char> bytes);
  std::string hex();   // ends it

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

std::string sha256_hex(std::string_view bytes);

/// HMAC-SHA-256: 32 bytes.
std::string hmac_sha256(std::string_view secret, std::string_view text);

}  // namespace mayfly::os
