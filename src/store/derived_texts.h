#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace stampede::store {

// Texts made from immutable records (their JSON), kept by the identity of the record: a record that
// changes is another object, so a text is never stale. Thread-safe. Keeps at most about `bytes_max`.
// Each part has three generations: what was made once is fresh, and soon gone; what was asked for again
// is young; and when the young are too many, they become the old ones, of which what is asked for
// becomes young again. Keeps the records alive that it has texts of. A text is found by one
// look-up; now and then one waits until a generation's share of it is sorted out, by estimate a
// millisecond with a gigabyte of texts.
class DerivedTexts {
 public:
  explicit DerivedTexts(size_t bytes_max);
  ~DerivedTexts();

  // The text of `record`, made by `make` if it is not kept. Two callers may make one text at a time.
  std::shared_ptr<const std::string> Get(const std::shared_ptr<const void>& record,
                                         const std::function<std::string()>& make);

 private:
  struct Part;
  static constexpr size_t kParts = 64;

  const size_t part_bytes_max_;
  std::unique_ptr<Part[]> parts_;
};

}  // namespace stampede::store
