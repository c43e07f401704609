#include "http/tls.h"

#include <array>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

namespace mayfly::http {

namespace {

/// What OpenSSL says of its last trouble on this thread; its queue is empty after that.
std::string last_trouble() {
  std::array<char, 256> text{};
  const auto number = ::ERR_get_error();
  ::ERR_clear_error();
  if (number == 0) return "unknown trouble";
  if (const char* reason = ::ERR_reason_error_string(number)) return reason;
  ::ERR_error_string_n(number, text.data(), text.size());
  return text.data();
}

/// Of those protocols that a client offers we speak one.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned int length, void*) {
  static constexpr std::string_view ours("\x08http/1.1", 9);
  unsigned char* found = nullptr;
  const auto* own = reinterpret_cast<const unsigned char*>(ours.data());
  if (::SSL_select_next_proto(&found, size, own, ours.size(), offered, length) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

/// Which versions of the files these are, without reading them.
std::string looks_of(const std::string& certificate, const std::string& key) {
  std::string looks;
  for (const auto& path : {certificate, key}) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) return {};
    for (const long part : {long(info.st_ino), long(info.st_size), long(info.st_mtim.tv_sec), info.st_mtim.tv_nsec})
      looks += std::to_string(part) + " ";
  }
  return looks;
}

}  // namespace

struct TlsFiles::Loaded {
  SSL_CTX* context = ::SSL_CTX_new(::TLS_server_method());
  ~Loaded() { ::SSL_CTX_free(context); }
};

struct TlsSession::Impl {
  std::shared_ptr<void> loaded;   // keeps the context
  SSL* ssl = nullptr;
  BIO* in = nullptr;
  BIO* out = nullptr;
  ~Impl() { ::SSL_free(ssl); }    // frees both BIOs
};

TlsSession::TlsSession(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsSession::~TlsSession() = default;

void TlsSession::feed(std::string_view sealed) {
  ::BIO_write(impl_->in, sealed.data(), static_cast<int>(sealed.size()));
}

std::string TlsSession::drain() {
  std::string sealed(static_cast<std::size_t>(BIO_pending(impl_->out)), '\0');
  if (!sealed.empty()) ::BIO_read(impl_->out, sealed.data(), static_cast<int>(sealed.size()));
  return sealed;
}

bool TlsSession::handshake() {
  ::ERR_clear_error();
  const int done = ::SSL_do_handshake(impl_->ssl);
  if (done == 1) return true;
  const int why = ::SSL_get_error(impl_->ssl, done);
  broken_ = why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE;
  return !broken_;
}

bool TlsSession::established() const { return ::SSL_is_init_finished(impl_->ssl) == 1; }

std::size_t TlsSession::take(std::span<char> room) {
  if (ended_ || broken_) return 0;
  ::ERR_clear_error();
  const int count = ::SSL_read(impl_->ssl, room.data(), static_cast<int>(room.size()));
  if (count > 0) return static_cast<std::size_t>(count);
  const int why = ::SSL_get_error(impl_->ssl, count);
  ended_ = why == SSL_ERROR_ZERO_RETURN;
  broken_ = !ended_ && why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE;
  return 0;
}

bool TlsSession::put(std::string_view plain) {
  ::ERR_clear_error();
  return !broken_ && ::SSL_write(impl_->ssl, plain.data(), static_cast<int>(plain.size())) == int(plain.size());
}

void TlsSession::end() {
  if (!broken_ && established()) ::SSL_shutdown(impl_->ssl);
}

TlsFiles::TlsFiles(std::string certificate, std::string key)
    : certificate_(std::move(certificate)), key_(std::move(key)) {}
TlsFiles::~TlsFiles() = default;

Result<std::shared_ptr<TlsFiles>> TlsFiles::load(std::string certificate, std::string key) {
  std::shared_ptr<TlsFiles> files(new TlsFiles(std::move(certificate), std::move(key)));
  files->seen_ = looks_of(files->certificate_, files->key_);
  files->loaded_ = TRY(read(files->certificate_, files->key_));
  return files;
}

Result<std::shared_ptr<TlsFiles::Loaded>> TlsFiles::read(const std::string& certificate, const std::string& key) {
  auto loaded = std::make_shared<Loaded>();
  auto* context = loaded->context;
  if (!context) return fail(Code::internal, "TLS cannot be set up: " + last_trouble());
  ::ERR_clear_error();
  ::SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  ::SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
  ::SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  ::SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  // A key behind a passphrase would ask on the terminal, and nobody is there.
  ::SSL_CTX_set_default_passwd_cb(context, [](char*, int, int, void*) { return 0; });
  if (::SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1)
    return fail(Code::invalid, "the certificate " + certificate + " cannot be used: " + last_trouble() +
                                   "; it must be a readable PEM file, the server's certificate first");
  if (::SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1)
    return fail(Code::invalid, "the key " + key + " cannot be used with the certificate " + certificate + ": " +
                                   last_trouble() + "; it must be a readable PEM file without a passphrase");
  if (::SSL_CTX_check_private_key(context) != 1)
    return fail(Code::invalid, "the key " + key + " is not the key of the certificate " + certificate);
  return loaded;
}

Result<bool> TlsFiles::reload(bool in_any_case) {
  auto looks = looks_of(certificate_, key_);
  {
    const std::lock_guard lock(mutex_);
    if (!in_any_case && looks == seen_) return false;
    seen_ = std::move(looks);   // bad files are told of once, not each time
  }
  auto loaded = TRY(read(certificate_, key_));
  const std::lock_guard lock(mutex_);
  loaded_ = std::move(loaded);
  return true;
}

std::unique_ptr<TlsSession> TlsFiles::session() const {
  auto impl = std::make_unique<TlsSession::Impl>();
  {
    const std::lock_guard lock(mutex_);
    impl->loaded = loaded_;
    impl->ssl = ::SSL_new(loaded_->context);
  }
  impl->in = ::BIO_new(::BIO_s_mem());
  impl->out = ::BIO_new(::BIO_s_mem());
  if (!impl->ssl || !impl->in || !impl->out) return nullptr;
  ::BIO_set_mem_eof_return(impl->in, -1);
  ::BIO_set_mem_eof_return(impl->out, -1);
  ::SSL_set_bio(impl->ssl, impl->in, impl->out);
  ::SSL_set_accept_state(impl->ssl);
  return std::make_unique<TlsSession>(std::move(impl));
}

}  // namespace mayfly::http
