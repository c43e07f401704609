#pragma once

#include "ports/tables.h"
#include "store/sql/database.h"

namespace mayfly::sql {

class SqlEventTable : public EventTable {
 public:
  explicit SqlEventTable(Database& database) : database_(database) {}

  Status insert(const Event& event) override;
  Result<Event> get(const EventId& id) override;
  Result<std::vector<Event>> list(const EventFilter& filter, const Page& page) override;

 private:
  Database& database_;
};

}  // namespace mayfly::sql
