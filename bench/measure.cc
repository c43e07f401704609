#include "measure.h"

#include <algorithm>
#include <cstdio>

#include <fmt/core.h>

namespace mayfly::bench {

double Samples::at(double share) const {
  if (ms.empty()) return 0;
  auto sorted = ms;
  std::sort(sorted.begin(), sorted.end());
  return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(share * static_cast<double>(sorted.size())))];
}

double time_ms(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return Milliseconds(std::chrono::steady_clock::now() - start).count();
}

void row(const std::string& what, const Samples& ours, const std::string& peer, const Samples& theirs, double aim) {
  const double ratio = ours.p50() / theirs.p50();
  fmt::print("{:<36} mayfly {:>8.2f} ms (p95 {:>8.2f})   {} {:>8.2f} ms (p95 {:>8.2f})   ratio {:.2f}", what,
             ours.p50(), ours.p95(), peer, theirs.p50(), theirs.p95(), ratio);
  if (aim > 0) fmt::print("   aim <= {} {}", aim, ratio <= aim ? "met" : "MISSED");
  fmt::print("\n");
}

void note(const std::string& what, const std::string& figure) {
  fmt::print("{:<36} {}\n", what, figure);
  std::fflush(stdout);
}

}  // namespace mayfly::bench
