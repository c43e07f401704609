#include "store/sql/columns.h"

namespace mayfly::sql {

namespace {

std::vector<std::string_view> split(std::string_view columns) {
  std::vector<std::string_view> names;
  while (!columns.empty()) {
    const auto comma = columns.find(',');
    auto name = columns.substr(0, comma);
    while (name.starts_with(' ')) name.remove_prefix(1);
    names.push_back(name);
    columns.remove_prefix(comma == std::string_view::npos ? columns.size() : comma + 1);
  }
  return names;
}

}  // namespace

SandboxSpec read_spec(Row& row) {
  SandboxSpec spec;
  spec.image = row.text();
  spec.image_digest = row.text();
  spec.resources.cpus = row.number();
  spec.resources.memory_mb = row.integer();
  spec.resources.pids = row.integer();
  spec.resources.disk_mb = row.integer();
  spec.env = row.text_map();
  spec.workdir = row.text();
  spec.exclude = row.text_list();
  spec.restore_from = row.text();
  spec.network = row.word(parse_network_access);
  spec.standby_seconds = row.integer();
  return spec;
}

void append_spec(std::vector<Parameter>& parameters, const SandboxSpec& spec) {
  parameters.insert(parameters.end(),
                    {spec.image, spec.image_digest, spec.resources.cpus, spec.resources.memory_mb, spec.resources.pids,
                     spec.resources.disk_mb, to_json(spec.env), spec.workdir, to_json(spec.exclude),
                     spec.restore_from, name(spec.network), spec.standby_seconds});
}

std::string qualified(std::string_view table, std::string_view columns) {
  std::string text;
  for (const auto name : split(columns))
    text += (text.empty() ? "" : ", ") + std::string(table) + "." + std::string(name);
  return text;
}

std::string insert_text(std::string_view table, std::string_view columns) {
  std::string names = "id";
  std::string values = "$1";
  int number = 1;
  for (const auto name : split(columns)) {
    names += ", " + std::string(name);
    values += ", $" + std::to_string(++number);
  }
  return "INSERT INTO " + std::string(table) + " (" + names + ") VALUES (" + values + ") ON CONFLICT DO NOTHING";
}

std::string update_text(std::string_view table, std::string_view columns) {
  std::string changes;
  int number = 1;
  for (const auto name : split(columns))
    changes += (changes.empty() ? "" : ", ") + std::string(name) + " = $" + std::to_string(++number);
  return "UPDATE " + std::string(table) + " SET " + changes + " WHERE id = $1";
}

}  // namespace mayfly::sql
