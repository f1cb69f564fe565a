import Testing

@testable import HTTPWire

@Suite struct DateTests {
  private func written(_ seconds: Int) -> String {
    var output: [UInt8] = []
    HTTPDate.append(seconds, to: &output)
    #expect(output.count == 29)
    return text(output, 0..<output.count)
  }

  private func read(_ date: String, now: Int = 1_767_225_600) -> Int? {
    let bytes = array("x" + date + "y")
    return HTTPDate.parse(bytes.span, 1..<bytes.count - 1, now: now)
  }

  @Test func datesAreWrittenAsTheStandardShowsThem() {
    #expect(written(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
    #expect(written(0) == "Thu, 01 Jan 1970 00:00:00 GMT")
    #expect(written(-1) == "Wed, 31 Dec 1969 23:59:59 GMT")
    #expect(written(951_782_400) == "Tue, 29 Feb 2000 00:00:00 GMT")
    #expect(written(4_107_542_400) == "Mon, 01 Mar 2100 00:00:00 GMT")
    #expect(written(Int.max) == "Fri, 31 Dec 9999 23:59:59 GMT")
    #expect(written(Int.min) == "Sat, 01 Jan 0000 00:00:00 GMT")
  }

  @Test func allThreeFormsAreRead() {
    #expect(read("Sun, 06 Nov 1994 08:49:37 GMT") == 784_111_777)
    #expect(read("Sunday, 06-Nov-94 08:49:37 GMT") == 784_111_777)
    #expect(read("Sun Nov  6 08:49:37 1994") == 784_111_777)
    #expect(read("Wed Nov 16 08:49:37 1994") == 784_975_777)
    #expect(read("Wednesday, 16-Nov-94 08:49:37 GMT") == 784_975_777)
    #expect(read("Sat, 31 Dec 2016 23:59:60 GMT") == 1_483_228_800)
  }

  @Test func aYearOfTwoDigitsIsAtMostFiftyYearsAhead() {
    #expect(read("Saturday, 01-Jan-76 00:00:00 GMT") == 3_345_062_400)
    #expect(read("Saturday, 01-Jan-77 00:00:00 GMT") == 220_924_800)
    #expect(read("Saturday, 01-Jan-77 00:00:00 GMT", now: 1_798_761_600) == 3_376_684_800)
  }

  @Test(arguments: [
    "", "0", "Sun, 06 Nov 1994 08:49:37 UTC", "sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT",
    "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
    "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 31 Nov 1994 08:49:37 GMT", "Sun, 29 Feb 1900 08:49:37 GMT",
    "Sun, 00 Nov 1994 08:49:37 GMT", "Xyz, 06 Nov 1994 08:49:37 GMT", "Sun, +6 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37 GMT ", "Sunday, 06-Nov-94 08:49:37", "Sunday, 06 Nov 94 08:49:37 GMT",
    "Sun Nov 6 08:49:37 1994", "Sun Nov 06 08:49:37 19940", "Sunday, 06-Nov-1994 08:49:37 GMT",
  ]) func whatIsNoDateIsNotRead(_ date: String) {
    #expect(read(date) == nil)
  }

  @Test func everyWrittenDateIsReadBack() {
    var random = Seeded(state: 5)
    for _ in 0..<2000 {
      let seconds = Int.random(in: -62_167_219_200...253_402_300_799, using: &random)
      #expect(read(written(seconds)) == seconds)
    }
  }
}
