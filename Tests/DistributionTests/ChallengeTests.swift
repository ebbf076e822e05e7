import Testing

@testable import Distribution

@Suite struct ChallengeTests {
    @Test func bearerBeforeBasic() {
        let headers = [
            #"Basic realm="x""#,
            #"Bearer realm="https://auth.example/token",service="reg, one",scope="repository:a/b:pull,push",error="invalid_token""#,
        ]
        #expect(
            Challenge.best(of: headers)
                == .bearer(
                    realm: "https://auth.example/token", service: "reg, one", scope: "repository:a/b:pull,push"))
    }

    @Test func quotesAndBareValues() {
        #expect(
            Challenge(#"bearer realm=https://a/b, service="s\"x""#)
                == .bearer(realm: "https://a/b", service: "s\"x", scope: nil))
        #expect(Challenge("Basic") == .basic(realm: ""))
        #expect(Challenge("Negotiate abc") == nil)
        #expect(Challenge(#"Bearer service="no realm""#) == nil)
        #expect(Challenge.best(of: []) == nil)
    }
}
