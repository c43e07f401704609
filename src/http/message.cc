#include "http/message.h"

#include <algorithm>
#include <array>
#include <atomic>

namespace mayfly::http {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (lower(c) >= 'a' && lower(c) <= 'f') return lower(c) - 'a' + 10;
  return -1;
}

bool unreserved(char c) {
  return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

}  // namespace

const std::string* find(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (same_word(key, name)) return &value;
  }
  return nullptr;
}

bool holds_word(const Headers& headers, std::string_view name, std::string_view word) {
  for (const auto& [key, value] : headers) {
    if (!same_word(key, name)) continue;
    std::string_view left = value;
    while (!left.empty()) {
      auto piece = left.substr(0, left.find(','));
      left.remove_prefix(std::min(left.size(), piece.size() + 1));
      while (!piece.empty() && (piece.front() == ' ' || piece.front() == '\t')) piece.remove_prefix(1);
      while (!piece.empty() && (piece.back() == ' ' || piece.back() == '\t')) piece.remove_suffix(1);
      if (same_word(piece, word)) return true;
    }
  }
  return false;
}

bool is_hop_by_hop(const Headers& of, std::string_view name) {
  constexpr std::array<std::string_view, 8> known = {
      "Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "TE", "Trailer", "Transfer-Encoding",
      "Upgrade"};
  return std::ranges::any_of(known, [&](auto word) { return same_word(word, name); }) ||
         holds_word(of, "Connection", name);
}

const std::string& Request::param(std::string_view name) const {
  const auto found = std::ranges::find(params, name, &std::pair<std::string, std::string>::first);
  CHECK(found != params.end());
  return found->second;
}

const std::string* Request::query_value(std::string_view name) const {
  const auto found = std::ranges::find(query, name, &std::pair<std::string, std::string>::first);
  return found == query.end() ? nullptr : &found->second;
}

struct Responder::State {
  std::function<void(Response)> send;
  std::atomic<bool> answered{false};

  ~State() {
    if (!answered.load()) send({.status = 500});
  }
};

Responder::Responder(std::function<void(Response)> send) : state_(std::make_shared<State>()) {
  CHECK(send);
  state_->send = std::move(send);
}

void Responder::operator()(Response response) const {
  if (!state_->answered.exchange(true)) state_->send(std::move(response));
}

std::optional<std::string> decode(std::string_view text, bool plus_is_space) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      plain += ' ';
    } else if (text[i] != '%') {
      plain += text[i];
    } else {
      if (text.size() - i < 3) return std::nullopt;
      const int high = digit(text[i + 1]);
      const int low = digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      plain += static_cast<char>(high << 4 | low);
      i += 2;
    }
  }
  return plain;
}

std::string encode(std::string_view text) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    if (unreserved(c)) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += '%';
      encoded += digits[byte >> 4];
      encoded += digits[byte & 15];
    }
  }
  return encoded;
}

}  // namespace mayfly::http
