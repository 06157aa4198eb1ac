#include "store/postgres/bulk_writer.h"

#include "store/postgres/call.h"
#include "store/postgres/command_session.h"

namespace stampede::store {

namespace {

constexpr size_t kPieceBytes = 256 * 1024;
// Signature, flags, length of the extension: the same page, "Binary Format".
constexpr std::string_view kHeader("PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", 19);
constexpr std::string_view kTrailer("\xff\xff", 2);

void AppendInt(std::string& out, uint64_t value, size_t bytes) {
  for (size_t shift = bytes * 8; shift > 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> (shift - 8)));
  }
}

void AppendBytes(std::string& out, std::string_view bytes) {
  AppendInt(out, bytes.size(), 4);
  out += bytes;
}

void AppendRow(std::string& out, std::string_view key, std::string_view value) {
  AppendInt(out, 3, 2);  // fields
  AppendInt(out, sizeof(int32_t), 4);
  AppendInt(out, static_cast<uint32_t>(postgres::PartOf(key)), 4);
  AppendBytes(out, key);
  AppendBytes(out, value);
}

class PostgresBulkWriter final : public BulkWriter {
 public:
  explicit PostgresBulkWriter(const std::string& database) : session_(database) {
    session_.Run("BEGIN");
    session_.BeginCopy("COPY kv (part, key, value) FROM STDIN (FORMAT binary)");
  }

  void Put(std::string_view key, std::string_view value) override {
    bool queued = postgres::SqlTableOf(key) == postgres::SqlTable::kQueue;
    AppendRow(queued ? queued_ : piece_, key, value);
    if (piece_.size() < kPieceBytes) return;
    session_.CopyBytes(piece_);
    piece_.clear();
  }

  void Finish() override {
    session_.CopyBytes(piece_.append(kTrailer));
    session_.EndCopy();
    session_.BeginCopy("COPY kv_queue (part, key, value) FROM STDIN (FORMAT binary)");
    session_.CopyBytes(queued_.append(kTrailer));
    session_.EndCopy();
    session_.Run("COMMIT");
  }

 private:
  postgres::CommandSession session_;
  std::string piece_{kHeader};
  std::string queued_{kHeader};
};

}  // namespace

std::unique_ptr<BulkWriter> NewPostgresBulkWriter(const std::string& database) {
  return std::make_unique<PostgresBulkWriter>(database);
}

}  // namespace stampede::store
