extension Connection {
  func serveByPool(_ route: Int, _ pool: Int, _ script: Script, headEnd: Int, inputEnd: Int) {
    answerWithoutBody(503, "There are no workers.")
  }
}
