/// Who we are to a registry.
public enum RegistryCredentials: Hashable, Sendable {
    case password(user: String, password: String)
    /// An OAuth2 refresh token.
    case identityToken(user: String, token: String)
    /// A bearer token that is sent as it is.
    case registryToken(String)

    var user: String? {
        switch self {
        case .password(let user, _), .identityToken(let user, _): user.isEmpty ? nil : user
        case .registryToken: nil
        }
    }
}
