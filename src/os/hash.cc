#include "os/hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/result.h"

namespace mayfly::os {

namespace {

// Fetched once: a fetch by name for each file costs more than hashing a small one.
const EVP_MD* sha256() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  CHECK(algorithm != nullptr);
  return algorithm;
}

}  // namespace

struct Sha256::Impl {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~Impl() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : impl_(std::make_unique<Impl>()) {
  CHECK(impl_->context != nullptr);
  CHECK(EVP_DigestInit_ex(impl_->context, sha256(), nullptr) == 1);
}

Sha256::~Sha256() = default;

void Sha256::update(std::span<const char> bytes) {
  CHECK(EVP_DigestUpdate(impl_->context, bytes.data(), bytes.size()) == 1);
}

std::string Sha256::hex() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  CHECK(EVP_DigestFinal_ex(impl_->context, digest, &size) == 1);
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * size);
  for (unsigned int i = 0; i < size; ++i) {
    text += digits[digest[i] >> 4];
    text += digits[digest[i] & 15];
  }
  return text;
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.hex();
}

std::string hmac_sha256(std::string_view secret, std::string_view text) {
  std::string mac(EVP_MAX_MD_SIZE, '\0');
  unsigned int size = 0;
  const auto* made = HMAC(sha256(), secret.data(), static_cast<int>(secret.size()),
                          reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                          reinterpret_cast<unsigned char*>(mac.data()), &size);
  CHECK(made != nullptr);
  mac.resize(size);
  return mac;
}

}  // namespace mayfly::os
