#include "base/nearest.h"

#include <algorithm>
#include <utility>

namespace mayfly {

namespace {

constexpr std::size_t longest_word = 64;  // past it a word is no name with something left out or added

// Of letters left out, put in, mistaken, or swapped with their neighbour.
std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before, last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before = std::exchange(last, std::exchange(row, std::vector<std::size_t>(b.size() + 1)));
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}

// One of them is a part of the other, or begins it: "seconds" of "extend_seconds". Short ones are in everything.
bool one_holds_the_other(std::string_view a, std::string_view b) {
  constexpr std::size_t least = 4;
  if (std::min(a.size(), b.size()) < least) return false;
  return a.size() < b.size() ? b.find(a) != b.npos : a.find(b) != a.npos;
}

}  // namespace

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates) {
  // In a short word two edits turn anything into anything; and a long one is no slip of the finger.
  const std::size_t allowed = word.size() <= 4 ? 1 : 2;
  std::optional<std::string> best;
  std::size_t fewest = allowed + 1;
  for (const auto& candidate : candidates) {
    const auto difference = std::max(word.size(), candidate.size()) - std::min(word.size(), candidate.size());
    if (difference > allowed) continue;
    const auto count = edits(word, candidate);
    if (count >= fewest) continue;
    fewest = count;
    best = candidate;
  }
  if (best || word.size() > longest_word) return best;
  for (const auto& candidate : candidates) {
    // The shortest is the nearest: the least was left out.
    if (one_holds_the_other(word, candidate) && (!best || candidate.size() < best->size())) best = candidate;
  }
  return best;
}

}  // namespace mayfly
