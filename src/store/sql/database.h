#pragma once
// The seam under the SQL. Tables speak text with $1, $2 ... for values, integers for times and JSON text for maps and
// lists; an adapter prepares, binds and reads. One Database is one connection, used by one thread at a time.

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "base/time.h"

namespace mayfly::sql {

/// The value of one $n. Text that is an lvalue is only looked at and must outlive the call.
class Parameter {
 public:
  Parameter(std::nullopt_t) {}
  template <std::integral T>
  Parameter(T number) : value_(static_cast<std::int64_t>(number)) {}
  Parameter(double number) : value_(number) {}
  Parameter(std::string_view text) : value_(text) {}
  Parameter(const char* text) : value_(std::string_view(text)) {}
  Parameter(const std::string& text) : value_(std::string_view(text)) {}
  Parameter(std::string&& text) : value_(std::move(text)) {}
  Parameter(Time at) : value_(microseconds(at)) {}
  Parameter(WallTime at) : value_(microseconds(at)) {}
  Parameter(Duration span) : value_(static_cast<std::int64_t>(span.count())) {}
  template <class Tag>
  Parameter(const Id<Tag>& id) : value_(std::string_view(id.text)) {}
  template <class T>
  Parameter(const std::optional<T>& maybe) {
    if (maybe) value_ = Parameter(*maybe).value_;
  }

  using Value = std::variant<std::monostate, std::int64_t, double, std::string_view, std::string>;
  const Value& value() const { return value_; }

 private:
  Value value_;
};

/// A view of the parameters of one statement.
class Parameters {
 public:
  Parameters(std::initializer_list<Parameter> list) : all_(list.begin(), list.size()) {}
  Parameters(const std::vector<Parameter>& list) : all_(list) {}
  std::span<const Parameter> all() const { return all_; }

 private:
  std::span<const Parameter> all_;
};

/// JSON text for a column, and back (by Row).
std::string to_json(const std::map<std::string, std::string>& map);
std::string to_json(const std::vector<std::string>& list);

/// One row of an answer. Every method reads the next column; a column that does not hold what it must is noted, and
/// the query fails with it.
class Row {
 public:
  virtual ~Row() = default;

  std::string text() { return std::string(text_at(next_++)); }
  std::int64_t integer() { return integer_at(next_++); }
  double number() { return number_at(next_++); }
  bool flag() { return integer() != 0; }
  int small() { return static_cast<int>(integer()); }
  Time time() { return service_time(integer()); }
  std::optional<Time> optional_time();
  std::optional<WallTime> optional_wall_time();
  std::optional<Duration> optional_duration();
  std::optional<std::string> optional_text();
  template <class IdType>
  IdType id() {
    return IdType{text()};
  }
  /// One of the words that `parse` knows, such as parse_state.
  template <class Parse>
  auto word(Parse parse) {
    const auto found = text();
    const auto value = parse(std::string_view(found));
    if (!value) damaged("\"" + found + "\" is not one of its words");
    return value.value_or(typename decltype(value)::value_type{});
  }
  std::map<std::string, std::string> text_map();
  std::vector<std::string> text_list();

  const std::string& damage() const { return damage_; }

 protected:
  virtual bool null_at(int column) const = 0;
  virtual std::int64_t integer_at(int column) const = 0;
  virtual double number_at(int column) const = 0;
  virtual std::string_view text_at(int column) const = 0;

  void rewind() { next_ = 0; }

 private:
  void damaged(const std::string& what);
  int next_ = 0;
  std::string damage_;
};

class Database {
 public:
  virtual ~Database() = default;

  /// The number of rows it changed.
  virtual Result<std::int64_t> exec(std::string_view sql, Parameters parameters = {}) = 0;
  /// `each` reads one row and runs no statement of its own.
  virtual Status query(std::string_view sql, Parameters parameters, const std::function<void(Row&)>& each) = 0;
  /// Several statements without parameters.
  virtual Status script(const std::string& sql) = 0;

  /// What follows the columns of a table that is kept in the order of its primary key: a true difference of dialects.
  virtual std::string_view clustered() const = 0;

  /// Pieces of an expression that dialects spell differently; what is given and what comes is SQL.
  virtual std::string folded(std::string_view text) const = 0;                           // ASCII letters, made small
  virtual std::string member_of(std::string_view map, std::string_view key) const = 0;   // of JSON text; NULL without
  virtual std::string matches(std::string_view text, std::string_view pattern) const = 0;
  /// The value to bind as that pattern for what LIKE means by % and _, with \ before what stands for itself.
  virtual std::string pattern_of(std::string_view like) const = 0;

  /// Queries of the next while end after this long altogether, with timed_out "query_timeout"; nothing: they take their
  /// time.
  virtual void set_patience(std::optional<Duration> patience) = 0;

  template <class Read>
  auto all(std::string_view sql, Parameters parameters, Read read)
      -> Result<std::vector<std::invoke_result_t<Read, Row&>>> {
    std::vector<std::invoke_result_t<Read, Row&>> rows;
    TRY(query(sql, parameters, [&](Row& row) { rows.push_back(read(row)); }));
    return rows;
  }
  /// The first row, if there is one.
  template <class Read>
  auto first(std::string_view sql, Parameters parameters, Read read)
      -> Result<std::optional<std::invoke_result_t<Read, Row&>>> {
    std::optional<std::invoke_result_t<Read, Row&>> found;
    TRY(query(sql, parameters, [&](Row& row) {
      if (!found) found.emplace(read(row));
    }));
    return found;
  }
  Result<bool> any(std::string_view sql, Parameters parameters);
  /// The first column of the first row as an instant; nothing for NULL or no row.
  Result<std::optional<Time>> first_time(std::string_view sql, Parameters parameters);
};

/// A statement that is put together from the parts that a filter asks for.
class Query {
 public:
  explicit Query(std::string_view text) : text_(text) {}
  /// Each ? in `clause` becomes the next $n. Text values are looked at when the query runs.
  Query& add(std::string_view clause, std::initializer_list<Parameter> parameters = {});
  /// " AND column IN ($1, $2, ...)"
  Query& add_one_of(std::string_view column, const std::vector<std::string_view>& words);

  const std::string& text() const { return text_; }
  const std::vector<Parameter>& parameters() const { return parameters_; }

 private:
  std::string text_;
  std::vector<Parameter> parameters_;
};

}  // namespace mayfly::sql
