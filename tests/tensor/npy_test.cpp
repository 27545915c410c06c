#include "tensor/npy.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support.h"
#include "tests/tensor/folder.h"

namespace chainline {
namespace {

using test::bytes_of;
using test::Folder;
using test::for_each_mutation;
using test::message_of;
using test::randn;
using test::text_of;

/// A version 1 file of this header and data.
std::string npy(const std::string& header, const std::string& data = "") {
  return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size() & 0xff) +
         static_cast<char>(header.size() >> 8) + header + data;
}

std::string refusal(const std::string& file) {
  return message_of<FileError>([&] { parse_npy(bytes_of(file), "x.npy"); });
}

// What numpy.save writes for numpy.array([[1, 2]], dtype='<f4').
TEST(Npy, WritesTheBytesThatNumPyWrites) {
  const std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }";
  const std::string expected = std::string("\x93NUMPY\x01\x00\x76\x00", 10) + header +
                               std::string(117 - header.size(), ' ') + "\n" +
                               std::string("\x00\x00\x80\x3f\x00\x00\x00\x40", 8);
  const Tensor x = Tensor::from<float>({1, 2}, {1, 2});
  EXPECT_EQ(text_of(npy_bytes(x)), expected);
  EXPECT_TRUE(same_bits(parse_npy(bytes_of(expected), "x.npy"), x));
}

TEST(Npy, ReadsBackWhatItWrote) {
  const Folder folder;
  for (const DType dtype : {DType::f32, DType::f64, DType::i64, DType::u8}) {
    for (const Shape& shape : {Shape{}, Shape{7}, Shape{0}, Shape{2, 3, 5}, Shape{3, 0, 2}}) {
      const Tensor x = test::randint(shape, 0, 200, 1).to(dtype);
      EXPECT_TRUE(same_bits(parse_npy(npy_bytes(x), "x.npy"), x)) << dtype << shape;
      write_npy(folder / "x.npy", x);
      EXPECT_TRUE(same_bits(read_npy(folder / "x.npy"), x)) << dtype << shape;
      EXPECT_EQ(npy_bytes(x).size() % 8, x.numel() * size_of(dtype) % 8);
    }
  }
  const Tensor view = randn({3, 4}, 1).transpose(0, 1);
  EXPECT_TRUE(same_bits(parse_npy(npy_bytes(view), "x.npy"), view));
}

TEST(Npy, ReadsFortranOrder) {
  const std::string file = npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }",
                               std::string("\x00\x0a\x01\x0b\x02\x0c", 6));
  EXPECT_EQ(parse_npy(bytes_of(file), "x.npy").to_vector<std::uint8_t>(),
            (std::vector<std::uint8_t>{0, 1, 2, 10, 11, 12}));
}

TEST(Npy, ReadsVersions2And3AndBooleans) {
  const std::string header = "{\"shape\":(2,),'fortran_order':False,'descr':'|b1'}\n";
  for (const char version : {'\x02', '\x03'}) {
    const std::string file = std::string("\x93NUMPY") + version + '\0' +
                             static_cast<char>(header.size()) + std::string(3, '\0') + header +
                             std::string("\x01\x00", 2);
    EXPECT_EQ(parse_npy(bytes_of(file), "x.npy").to_vector<std::uint8_t>(),
              (std::vector<std::uint8_t>{1, 0}));
  }
}

TEST(Npy, RefusesWhatIsNotItsFormat) {
  const std::string start =
      "x.npy: expected an npy file to start with \\x93NUMPY, a version and a "
      "length";
  EXPECT_EQ(refusal(""), start);
  EXPECT_EQ(refusal("\x93NUMPY"), start);
  EXPECT_EQ(refusal("PK\x03\x04 a zip file"), start);
  EXPECT_EQ(refusal(std::string("\x93NUMPY\x04\x00\x00\x00", 10)),
            "x.npy: expected npy version 1.0, 2.0 or 3.0, got 4.0");
  EXPECT_EQ(refusal(std::string("\x93NUMPY\x02\x00\x00\x00", 10)),
            "x.npy: ends within the length of the npy header");
  EXPECT_EQ(refusal(std::string("\x93NUMPY\x01\x00\x01\x00", 10)),
            "x.npy: the npy header of 1 bytes goes past the end of the file");
  EXPECT_EQ(refusal(std::string("\x93NUMPY\x02\x00\x00\x00\x01\x00", 12)),
            "x.npy: expected an npy header of at most 65535 bytes, got 65536");
}

TEST(Npy, RefusesWhatTheHeaderMayNotSay) {
  const auto with = [](const std::string& descr, const std::string& order,
                       const std::string& shape) {
    return refusal(
        npy("{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + "}"));
  };
  const auto at = [](int byte, const std::string& what) {
    return "x.npy: npy header: byte " + std::to_string(byte) + ": " + what;
  };
  EXPECT_EQ(with("'<f2'", "False", "()"),
            "x.npy: npy header: expected dtype <f4, <f8, <i8, |u1 or |b1, got '<f2'");
  EXPECT_EQ(with("'<u2'", "False", "()"),
            "x.npy: npy header: expected dtype <f4, <f8, <i8, |u1 or |b1, got '<u2'; if it holds "
            "the bits of bf16, keep it as safetensors");
  EXPECT_EQ(with("'|O'", "False", "()"),
            "x.npy: npy header: expected dtype <f4, <f8, <i8, |u1 or |b1, got '|O'");
  EXPECT_EQ(with("[('a', '<f4')]", "False", "()"), at(20, "structured dtypes are not supported"));
  EXPECT_EQ(with("4", "False", "()"), at(20, "expected a string"));
  EXPECT_EQ(with("'<\\x66'", "False", "()"), at(22, "expected printable text without escapes"));
  EXPECT_EQ(with("'<f4'", "1", "()"), at(44, "expected True or False"));
  EXPECT_EQ(with("'<f4'", "False", "3"), at(60, "expected '('"));
  EXPECT_EQ(with("'<f4'", "False", "(3)"), at(62, "expected ',' after the only size"));
  EXPECT_EQ(with("'<f4'", "False", "(-1,)"), at(61, "expected a size of 0 or more"));
  EXPECT_EQ(with("'<f4'", "False", "(1+1,)"), at(62, "expected ')'"));
  EXPECT_EQ(with("'<f4'", "False", "(,)"), at(61, "expected a size of 0 or more"));
  EXPECT_EQ(with("'<f4'", "False", "(03,)"), at(61, "a size starts with 0"));
  EXPECT_EQ(with("'<f4'", "False", "(9223372036854775808,)"),
            at(61, "the size has more than 63 bits"));
  EXPECT_EQ(with("'<f4'", "False", "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)"),
            at(93, "expected at most 16 dimensions"));
  EXPECT_EQ(with("'<f4'", "False", "(0, 4611686018427387904, 2)"),
            "x.npy: npy header: the shape has more bytes than 63 bits can count");
  EXPECT_EQ(refusal(npy("('descr', 1)")), at(10, "expected '{'"));
  EXPECT_EQ(refusal(npy("{'shape': (), 'shape': ()}")), at(24, "key 'shape' appears twice"));
  EXPECT_EQ(refusal(npy("{'shape': (), 'order': 1}")),
            at(24, "expected the key 'descr', 'fortran_order' or 'shape', got 'order'"));
  EXPECT_EQ(refusal(npy("{'shape': (), 'descr': '<f4'}")),
            at(39, "key 'fortran_order' is missing"));
  EXPECT_EQ(refusal(npy("{'descr': '<f4")), at(20, "the string has no end"));
  EXPECT_EQ(refusal(npy("{'descr': '<f4', 'fortran_order': False, 'shape': ()} + 1")),
            at(64, "expected the end of the header"));
}

TEST(Npy, RefusesTooLittleAndTooMuchData) {
  const std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}";
  EXPECT_EQ(refusal(npy(header, "1234567")),
            "x.npy: npy data: expected 8 bytes for shape (2) of <f4, got 7");
  EXPECT_EQ(refusal(npy(header, "123456789")),
            "x.npy: npy data: expected 8 bytes for shape (2) of <f4, got 9");
  EXPECT_EQ(refusal(npy("{'descr': '|b1', 'fortran_order': False, 'shape': (2,)}",
                        std::string("\x01\x02", 2))),
            "x.npy: npy data: byte 66: expected 0 or 1 for |b1, got 2");
}

TEST(Npy, RefusesToWriteBf16AndToReadWhatIsNoFile) {
  const Folder folder;
  EXPECT_EQ(message_of<DTypeError>([] { npy_bytes(Tensor::zeros({1}, DType::bf16)); }),
            "npy: tensor: expected dtype f32, f64, i64 or u8, got bf16; keep it as safetensors");
  EXPECT_EQ(message_of<FileError>([&] { read_npy(folder / "no"); }),
            (folder / "no").string() + ": cannot open: No such file or directory");
  EXPECT_EQ(message_of<FileError>([&] { read_npy(folder.path()); }),
            folder.path().string() + ": not a regular file");
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(message_of<FileError>([&] { read_npy(folder / "pipe"); }),
            (folder / "pipe").string() + ": not a regular file");
}

// Every damaged copy loads or is refused; nothing else is thrown, and under the sanitizers nothing
// is read or written out of bounds.
TEST(Npy, SurvivesEveryDamagedByte) {
  int loaded = 0, refused = 0;
  for (const std::string order : {"False", "True"}) {
    const std::string file =
        npy("{'descr': '|u1', 'fortran_order': " + order + ", 'shape': (2, 3), }\n", "abcdef");
    for_each_mutation(file, [&](const std::string& damaged) {
      try {
        const Tensor x = parse_npy(bytes_of(damaged), "x.npy");
        EXPECT_LE(x.numel(), 6);
        ++loaded;
      } catch (const FileError&) {
        ++refused;
      }
    });
  }
  EXPECT_GT(loaded, 200);  // the data bytes, and spaces
  EXPECT_GT(refused, 2000);
}

}  // namespace
}  // namespace chainline
