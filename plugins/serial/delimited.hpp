// Framings whose frames end with a mark that is nowhere else: lines, SLIP (RFC 1055), COBS. Noise costs the
// frame that it is in, and the one behind it when it ate the mark.
#pragma once

#include "plugins/serial/framing.hpp"

namespace sluice::serial {

class Delimited : public Framing {
 public:
  explicit Delimited(FramingOptions options) : options_(std::move(options)) {}
  void feed(std::string_view bytes, const Each& each) override;
  void silence(const Each& each) override;
  void noise() override { broken_ = true; }

 protected:
  // What came between two marks; false: it is no frame. `frame` may point into `raw` or into `spare_`.
  virtual bool unpack(std::string_view raw, std::string_view& frame) = 0;
  // Longest that it can be between two marks.
  virtual std::size_t most_raw() const = 0;
  FramingOptions options_;
  std::string mark_;
  std::string spare_;

 private:
  void keep(char byte);
  void finish(const Each& each);
  std::string raw_;
  std::size_t matched_ = 0;  // of mark_
  bool broken_ = false;
};

class Line final : public Delimited {
 public:
  explicit Line(const FramingOptions& options);
  result<std::string> encode(std::string_view frame) const override;

 private:
  bool unpack(std::string_view raw, std::string_view& frame) override;
  std::size_t most_raw() const override { return options_.most + 16; }
};

class Slip final : public Delimited {
 public:
  explicit Slip(const FramingOptions& options);
  result<std::string> encode(std::string_view frame) const override;

 private:
  bool unpack(std::string_view raw, std::string_view& frame) override;
  std::size_t most_raw() const override { return 2 * (options_.most + 4); }
};

class Cobs final : public Delimited {
 public:
  explicit Cobs(const FramingOptions& options);
  result<std::string> encode(std::string_view frame) const override;

 private:
  bool unpack(std::string_view raw, std::string_view& frame) override;
  std::size_t most_raw() const override { return options_.most + options_.most / 254 + 8; }
};

}  // namespace sluice::serial
