#pragma once
// Figures of long runs, added up in the file that MAYFLY_TOTALS names: one "name number" a line.

#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

namespace mayfly::test {

inline void add_to_totals(const std::map<std::string, long>& figures) {
  const char* path = std::getenv("MAYFLY_TOTALS");
  if (!path) return;
  std::map<std::string, long> all;
  std::string name;
  long count = 0;
  for (std::ifstream before(path); before >> name >> count;) all[name] = count;
  for (const auto& [figure, more] : figures) all[figure] += more;
  const auto fresh = std::string(path) + ".new";
  {
    std::ofstream after(fresh);
    for (const auto& [figure, sum] : all) after << figure << ' ' << sum << '\n';
  }
  std::rename(fresh.c_str(), path);
}

}  // namespace mayfly::test
