#include "http/client.h"

#include <algorithm>
#include <cstring>
#include <mutex>

#include <curl/curl.h>

namespace mayfly::http {

namespace {

// An answer collected in memory; larger ones are for `download`.
constexpr std::size_t body_limit = 64 << 20;
constexpr long connect_patience_ms = 10'000;
constexpr long upload_buffer = 256 * 1024;  // the default of 64 KiB costs a third of the rate

struct UrlParts {
  std::string place;  // "127.0.0.1:80", for messages: neither user nor password
  bool usable = false;
};

std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (::curl_url_get(url, part, &text, flags) != CURLUE_OK) return {};
  std::string copy = text;
  ::curl_free(text);
  return copy;
}

UrlParts parse(const std::string& base) {
  const std::unique_ptr<CURLU, decltype(&::curl_url_cleanup)> url(::curl_url(), ::curl_url_cleanup);
  if (!url || ::curl_url_set(url.get(), CURLUPART_URL, base.c_str(), 0) != CURLUE_OK) return {};
  const auto scheme = part_of(url.get(), CURLUPART_SCHEME);
  return {part_of(url.get(), CURLUPART_HOST) + ":" + part_of(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT),
          scheme == "http" || scheme == "https"};
}

// One call while it runs.
struct Transfer {
  const ClientRequest& request;
  CURL* handle;
  Response response;
  bool stopped_by_download = false;
  bool too_large = false;
  std::string thrown;
};

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::size_t on_header(char* data, std::size_t, std::size_t size, void* to) {
  auto& transfer = *static_cast<Transfer*>(to);
  const std::string_view line(data, size);
  if (line.starts_with("HTTP/")) {
    transfer.response.headers.clear();  // those before belonged to a 100
    return size;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return size;
  transfer.response.headers.emplace_back(trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
  return size;
}

std::size_t on_body(char* data, std::size_t, std::size_t size, void* to) {
  auto& transfer = *static_cast<Transfer*>(to);
  long status = 0;
  ::curl_easy_getinfo(transfer.handle, CURLINFO_RESPONSE_CODE, &status);
  if (!transfer.request.download || status / 100 != 2) {
    transfer.too_large = transfer.response.body.size() + size > body_limit;
    if (transfer.too_large) return 0;
    transfer.response.body.append(data, size);
    return size;
  }
  try {
    transfer.stopped_by_download = !transfer.request.download({data, size});
  } catch (const std::exception& thrown) {
    transfer.thrown = thrown.what();
  }
  return transfer.stopped_by_download || !transfer.thrown.empty() ? 0 : size;
}

std::size_t on_upload(char* room, std::size_t, std::size_t size, void* from) {
  auto& transfer = *static_cast<Transfer*>(from);
  try {
    return transfer.request.upload({room, size});
  } catch (const std::exception& thrown) {
    transfer.thrown = thrown.what();
    return CURL_READFUNC_ABORT;
  }
}

struct HeaderList {
  curl_slist* list = nullptr;
  ~HeaderList() { ::curl_slist_free_all(list); }
  void add(const Header& header) {
    // curl takes a header without a value for the wish to leave it out, unless it ends with a semicolon.
    const auto line = header.second.empty() ? header.first + ";" : header.first + ": " + header.second;
    if (auto* longer = ::curl_slist_append(list, line.c_str())) list = longer;
  }
};

// These say "Content-Length: 0" rather than nothing.
bool carries_body(std::string_view method) { return method == "POST" || method == "PUT" || method == "PATCH"; }

bool breaks_line(std::string_view text) {
  constexpr std::string_view breakers("\r\n\0", 3);
  return text.find_first_of(breakers) != std::string_view::npos;
}

}  // namespace

struct Client::Impl {
  std::string base;
  std::string place;
  bool usable = false;
  Headers always;
  std::string ca_file;
  CURL* handle = nullptr;

  ~Impl() { ::curl_easy_cleanup(handle); }
  void prepare(Transfer& transfer, const HeaderList& headers, const std::string& url);
  Error error_of(CURLcode code, const ClientRequest& request) const;
};

Client::Client(std::string base_url, Headers always, std::string ca_file) : impl_(std::make_unique<Impl>()) {
  static std::once_flag once;
  std::call_once(once, [] { ::curl_global_init(CURL_GLOBAL_DEFAULT); });
  while (base_url.ends_with('/')) base_url.pop_back();
  const auto parts = parse(base_url);
  impl_->base = std::move(base_url);
  impl_->place = parts.place;
  impl_->usable = parts.usable;
  impl_->always = std::move(always);
  impl_->ca_file = std::move(ca_file);
  impl_->handle = ::curl_easy_init();
}

Client::~Client() = default;
Client::Client(Client&&) noexcept = default;

Result<Response> Client::call(const ClientRequest& request) {
  if (!impl_->usable) return fail(Code::invalid, "the base URL is no http:// or https:// URL with a host");
  if (!impl_->handle) return fail(Code::internal, "libcurl gave no handle");
  HeaderList headers;
  // None of these unless asked for: curl would name a form as the type of every body.
  for (const char* unwanted : {"Content-Type:", "Accept:"}) headers.list = ::curl_slist_append(headers.list, unwanted);
  for (const auto* some : {&std::as_const(impl_->always), &request.headers}) {
    for (const auto& header : *some) {
      if (breaks_line(header.first) || breaks_line(header.second)) {
        return fail(Code::invalid, "the value of header " + header.first.substr(0, 64) + " holds a line break");
      }
      headers.add(header);
    }
  }
  Transfer transfer{request, impl_->handle, {}, false, false, {}};
  const auto url = impl_->base + request.path;
  impl_->prepare(transfer, headers, url);
  const auto code = ::curl_easy_perform(impl_->handle);
  if (!transfer.thrown.empty()) return fail(Code::internal, "the transfer was given up: " + transfer.thrown);
  if (transfer.too_large) return fail(Code::too_large, "the answer of " + impl_->place + " is larger than 64 MiB");
  if (code != CURLE_OK && !transfer.stopped_by_download) {
    return tl::unexpected<Error>(impl_->error_of(code, request));
  }
  long status = 0;
  ::curl_easy_getinfo(impl_->handle, CURLINFO_RESPONSE_CODE, &status);
  transfer.response.status = static_cast<int>(status);
  return std::move(transfer.response);
}

void Client::Impl::prepare(Transfer& transfer, const HeaderList& headers, const std::string& url) {
  const auto& request = transfer.request;
  ::curl_easy_reset(handle);  // keeps its connections
  const auto set = [this](auto option, auto value) { ::curl_easy_setopt(handle, option, value); };
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_PROXY, "");  // a control plane is spoken to directly, whatever the environment says
  if (!ca_file.empty()) set(CURLOPT_CAINFO, ca_file.c_str());
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_HTTPHEADER, headers.list);
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  set(CURLOPT_CONNECTTIMEOUT_MS, connect_patience_ms);
  set(CURLOPT_HEADERFUNCTION, on_header);
  set(CURLOPT_HEADERDATA, &transfer);
  set(CURLOPT_WRITEFUNCTION, on_body);
  set(CURLOPT_WRITEDATA, &transfer);
  if (request.upload) {
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_READFUNCTION, on_upload);
    set(CURLOPT_READDATA, &transfer);
    set(CURLOPT_UPLOAD_BUFFERSIZE, upload_buffer);
    if (request.upload_length) set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(*request.upload_length));
    // A kept connection may turn out to be closed, and what a callback gave cannot be sent again.
    set(CURLOPT_FRESH_CONNECT, 1L);
  } else if (!request.body.empty() || carries_body(request.method)) {
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_POSTFIELDS, request.body.data());
  }
  if (request.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  } else {
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

Error Client::Impl::error_of(CURLcode code, const ClientRequest& request) const {
  // The query stays out of messages: some hold a token.
  const auto what = request.method + " " + request.path.substr(0, request.path.find('?')) + " at " + place;
  long number = 0;
  ::curl_easy_getinfo(handle, CURLINFO_OS_ERRNO, &number);
  const std::string why = number != 0 ? std::strerror(static_cast<int>(number)) : ::curl_easy_strerror(code);
  switch (code) {
    case CURLE_COULDNT_CONNECT: case CURLE_COULDNT_RESOLVE_HOST:
      return {Code::unavailable, "cannot connect to " + place + ": " + why, {}, {}};
    case CURLE_OPERATION_TIMEDOUT:
      return {Code::timed_out, what + ": no answer within " + std::to_string(request.timeout.count()) + " ms", {}, {}};
    case CURLE_SEND_ERROR: case CURLE_RECV_ERROR: case CURLE_GOT_NOTHING: case CURLE_PARTIAL_FILE:
      return {Code::unavailable, what + ": the connection broke off: " + ::curl_easy_strerror(code), {}, {}};
    case CURLE_PEER_FAILED_VERIFICATION: case CURLE_SSL_CACERT_BADFILE:
      return {Code::unavailable, place + " does not prove to be who it says: " + ::curl_easy_strerror(code), {}, {}};
    case CURLE_URL_MALFORMAT: case CURLE_UNSUPPORTED_PROTOCOL:
      return {Code::invalid, what + ": " + ::curl_easy_strerror(code), {}, {}};
    default:
      return {Code::unavailable, what + ": " + ::curl_easy_strerror(code), {}, {}};
  }
}

}  // namespace mayfly::http
