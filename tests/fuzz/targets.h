#pragma once
// What strangers may send, byte by byte. Each target takes any input; what must hold for every one is CHECKed.
// `./do fuzz SECONDS` looks for inputs that break it; test_fuzz replays those of corpus/NAME.

#include <array>
#include <string_view>

namespace mayfly::fuzz {

void http(std::string_view input);    // head, framing, router
void json(std::string_view input);    // bodies
void layer(std::string_view input);   // archives and images that are unpacked
void agent(std::string_view input);   // the protocol, from either side
void words(std::string_view input);   // ids and times in paths and queries
void query(std::string_view input);   // filters, orders and cursors of lists

struct Target {
  std::string_view name;
  void (*run)(std::string_view input);
};
inline constexpr std::array targets = {Target{"http", http}, Target{"json", json}, Target{"layer", layer},
                                Target{"agent", agent}, Target{"words", words}, Target{"query", query}};

}  // namespace mayfly::fuzz
