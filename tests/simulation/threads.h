#pragma once
// Runs that share nothing, on several threads.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <thread>
#include <vector>

namespace mayfly::simulation {

inline std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 0) : otherwise;
}

/// As many as MAYFLY_JOBS says, or as there are cores.
inline std::uint64_t jobs() {
  return std::max<std::uint64_t>(1, from_environment("MAYFLY_JOBS", std::thread::hardware_concurrency()));
}

/// Each with its number, from 0 on; returns when all have.
template <class Work>
void on_threads(std::uint64_t count, const Work& work) {
  std::vector<std::thread> threads;
  for (std::uint64_t job = 0; job < count; ++job) threads.emplace_back([&work, job] { work(job); });
  for (auto& thread : threads) thread.join();
}

}  // namespace mayfly::simulation
