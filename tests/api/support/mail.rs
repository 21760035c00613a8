//! What people find in their mailboxes.

use fixpath::mail::Message;

use super::TestApp;

impl TestApp {
    /// The mails that were sent to somebody so far, the newest last: their names.
    pub fn mailbox(&self, to: &str) -> Vec<&'static str> {
        self.mails().iter().filter(|mail| mail.to == to).map(|mail| mail.mail).collect()
    }

    /// The latest mail of this name to somebody.
    pub fn mail(&self, name: &str, to: &str) -> Message {
        let found = self.mails().into_iter().rfind(|mail| mail.mail == name && mail.to == to);
        found.unwrap_or_else(|| panic!("no {name} for {to}, only {:?}", self.mailbox(to)))
    }

    /// The token of the latest mail of this name to somebody.
    pub fn mailed_token(&self, name: &str, to: &str) -> String {
        let mail = self.mail(name, to);
        let (_, token) = mail.text.split_once("?token=").expect("a link with a token");
        token.split_whitespace().next().unwrap().to_owned()
    }

    /// The latest code that was sent to somebody.
    pub fn mailed_code(&self, to: &str) -> String {
        let mail = self.mail("sign_in_code", to);
        mail.text.lines().find(|line| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit())).expect("a code").to_owned()
    }

    /// Proves somebody's address behind the app's back.
    pub async fn db_verify(&self, username: &str) {
        self.db_execute(&format!("UPDATE users SET email_verified_at = created_at WHERE username = '{username}'")).await;
    }

    /// Whoever signs up from now on, also at another process, has verified their address.
    pub async fn db_verify_everybody(&self) {
        let function = "CREATE FUNCTION verify() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN NEW.email_verified_at := NEW.created_at; RETURN NEW; END $$";
        self.db_execute(function).await;
        self.db_execute("CREATE TRIGGER verify BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION verify()").await;
    }

    /// Makes somebody who signed up one of the staff.
    pub async fn make_staff(&self, username: &str) {
        self.db_verify(username).await;
        fixpath::staff::grant::grant(&self.app, &format!("{username}@example.com")).await.unwrap();
    }
}
