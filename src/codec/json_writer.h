#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/ids.h"

namespace stampede::codec {

// An append-only JSON writer (RFC 8259) into one string that it owns. Commas and escapes are
// automatic; bytes that are not UTF-8 come out as U+FFFD, so the text is always valid UTF-8.
// Not thread-safe. Allocates nothing but the growing string. It trusts its caller to pair Object
// with EndObject and Key with one value; an unbalanced document is a bug of ours, not an error.
class JsonWriter {
 public:
  explicit JsonWriter(size_t reserve_bytes = 1024) { text_.reserve(reserve_bytes); }

  JsonWriter& Object() { return Open('{'); }
  JsonWriter& EndObject() { return Close('}'); }
  JsonWriter& Array() { return Open('['); }
  JsonWriter& EndArray() { return Close(']'); }
  JsonWriter& Key(std::string_view key) {
    Separate();
    AppendQuoted(key);
    text_ += ':';
    comma_ = false;
    return *this;
  }

  JsonWriter& String(std::string_view value) {
    Separate();
    AppendQuoted(value);
    return *this;
  }
  JsonWriter& Int(int64_t value);
  JsonWriter& Uint(uint64_t value);
  // The shortest text that reads back as the same number; null for NaN and infinities.
  JsonWriter& Double(double value);
  JsonWriter& Bool(bool value) { return Raw(value ? "true" : "false"); }
  JsonWriter& Null() { return Raw("null"); }
  // A value that is JSON already, such as a record rendered earlier. Copied unchecked.
  JsonWriter& Raw(std::string_view json) {
    Separate();
    text_ += json;
    return *this;
  }
  // A decimal string, as ids are on the wire; null for the id that means "none".
  template <class Tag>
  JsonWriter& Id(StrongId<Tag> id) {
    return id ? QuotedUint(id.value()) : Null();
  }

  // Value(x) writes x by its type: text, bool, any integer, double, nullptr, an id, or an optional
  // of these (null when absent). Constrained, so that a `const char*` never turns into a bool.
  JsonWriter& Value(std::string_view value) { return String(value); }
  JsonWriter& Value(std::nullptr_t) { return Null(); }
  JsonWriter& Value(std::same_as<bool> auto value) { return Bool(value); }
  JsonWriter& Value(std::floating_point auto value) { return Double(value); }
  template <std::integral T>
    requires(!std::same_as<T, bool> && !std::same_as<T, char>)
  JsonWriter& Value(T value) {
    if constexpr (std::is_signed_v<T>) return Int(value);
    return Uint(static_cast<uint64_t>(value));
  }
  template <class Tag>
  JsonWriter& Value(StrongId<Tag> id) {
    return Id(id);
  }
  template <class T>
  JsonWriter& Value(const std::optional<T>& value) {
    return value ? Value(*value) : Null();
  }

  template <class T>
  JsonWriter& Field(std::string_view key, const T& value) {
    Key(key);
    return Value(value);
  }

  const std::string& text() const { return text_; }
  // The document; the writer is empty afterwards and may write another.
  std::string TakeString() {
    comma_ = false;
    return std::exchange(text_, {});
  }

 private:
  JsonWriter& Open(char bracket) {
    Separate();
    text_ += bracket;
    comma_ = false;
    return *this;
  }
  JsonWriter& Close(char bracket) {
    text_ += bracket;
    comma_ = true;
    return *this;
  }
  // Every value or key starts here: a comma if something stands before it on the same level.
  void Separate() {
    if (comma_) text_ += ',';
    comma_ = true;
  }
  void AppendQuoted(std::string_view value);
  JsonWriter& QuotedUint(uint64_t value);

  std::string text_;
  bool comma_ = false;
};

}  // namespace stampede::codec
