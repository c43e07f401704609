#pragma once
// Figures of one run: samples, their medians, and rows that stand beside a peer's in the same run.

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace mayfly::bench {

using Milliseconds = std::chrono::duration<double, std::milli>;

struct Samples {
  std::vector<double> ms;
  double p50() const { return at(0.50); }
  double p95() const { return at(0.95); }
  double at(double share) const;
};

/// How long `work` took, in milliseconds.
double time_ms(const std::function<void()>& work);

/// "create -> first instruction   ours 14.1 ms (p95 20.0)   crun run 12.0 ms   ratio 1.18   aim <= 1.3"
void row(const std::string& what, const Samples& ours, const std::string& peer, const Samples& theirs, double aim);
void note(const std::string& what, const std::string& figure);

}  // namespace mayfly::bench
