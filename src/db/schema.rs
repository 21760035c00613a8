// @generated automatically by Diesel CLI.

diesel::table! {
    accounts (id) {
        id -> Uuid,
        name -> Text,
        created_at -> Timestamptz,
        deletes_at -> Nullable<Timestamptz>,
        deleted_at -> Nullable<Timestamptz>,
        customer_attempt -> Int4,
    }
}

diesel::table! {
    alerts (id) {
        id -> Uuid,
        kind -> Text,
        subject -> Text,
        message -> Text,
        opened_at -> Timestamptz,
        closed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    audit_entries (id) {
        id -> Uuid,
        account_id -> Nullable<Uuid>,
        actor_id -> Nullable<Uuid>,
        action -> Text,
        subject -> Nullable<Text>,
        ip_address -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        at -> Timestamptz,
    }
}

diesel::table! {
    billing_mails (about) {
        about -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    card_fingerprints (fingerprint, account_id) {
        fingerprint -> Text,
        account_id -> Uuid,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    categories (slug) {
        slug -> Text,
        name -> Text,
    }
}

diesel::table! {
    email_changes (id) {
        id -> Uuid,
        user_id -> Uuid,
        old_email -> Text,
        changed_at -> Timestamptz,
    }
}

diesel::table! {
    email_tokens (user_id, purpose) {
        user_id -> Uuid,
        purpose -> Text,
        hash -> Bytea,
        email -> Text,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    checkouts (id) {
        id -> Uuid,
        account_id -> Uuid,
        user_id -> Nullable<Uuid>,
        purpose -> Text,
        status -> Text,
        plan_id -> Nullable<Uuid>,
        interval -> Nullable<Text>,
        seats -> Nullable<Int4>,
        trial_days -> Int4,
        pack_key -> Nullable<Text>,
        quantity -> Int4,
        credits -> Nullable<Int4>,
        tree_account_id -> Nullable<Uuid>,
        tree_id -> Nullable<Uuid>,
        tree_title -> Nullable<Text>,
        amount -> Nullable<Int8>,
        currency -> Nullable<Text>,
        idempotency_key -> Nullable<Text>,
        provider_session_id -> Nullable<Text>,
        provider_subscription_id -> Nullable<Text>,
        url -> Nullable<Text>,
        expires_at -> Timestamptz,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        plan_price_id -> Nullable<Uuid>,
        success_url -> Nullable<Text>,
        cancel_url -> Nullable<Text>,
        promotion_code -> Nullable<Text>,
        promotion_word -> Nullable<Text>,
        provider_customer_id -> Nullable<Text>,
    }
}

diesel::table! {
    credit_balances (account_id) {
        account_id -> Uuid,
        balance -> Int4,
        shortfall -> Int4,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    credit_entries (id) {
        id -> Uuid,
        account_id -> Uuid,
        delta -> Int4,
        balance_after -> Int4,
        kind -> Text,
        source -> Text,
        reason -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    credit_packs (key) {
        key -> Text,
        name -> Text,
        credits -> Int4,
        unit_amount -> Int8,
        currency -> Text,
        on_sale -> Bool,
    }
}

diesel::table! {
    customers (id) {
        id -> Uuid,
        account_id -> Nullable<Uuid>,
        provider_customer_id -> Text,
        is_primary -> Bool,
        deleted_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    disputes (provider_dispute_id) {
        provider_dispute_id -> Text,
        payment_id -> Uuid,
        amount -> Int8,
        currency -> Text,
        status -> Text,
        reason -> Nullable<Text>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    identities (provider, subject) {
        provider -> Text,
        subject -> Text,
        user_id -> Uuid,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    invitations (id) {
        id -> Uuid,
        account_id -> Uuid,
        email -> Text,
        role -> Text,
        invited_by -> Uuid,
        idempotency_key -> Nullable<Text>,
        token_hash -> Nullable<Bytea>,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
        accepted_by -> Nullable<Uuid>,
    }
}

diesel::table! {
    listings (id) {
        id -> Uuid,
        account_id -> Uuid,
        tree_id -> Uuid,
        amount -> Int8,
        currency -> Text,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        unlisted_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    mail_counts (whose) {
        whose -> Text,
        sent -> Int2,
        since -> Timestamptz,
    }
}

diesel::table! {
    memberships (account_id, user_id) {
        account_id -> Uuid,
        user_id -> Uuid,
        role -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    outbox (id) {
        id -> Int8,
        job -> Json,
        max_attempts -> Int4,
        run_at -> Nullable<Timestamptz>,
        put_at -> Timestamptz,
    }
}

diesel::table! {
    payment_links (payment_intent_id) {
        payment_intent_id -> Text,
        charge_id -> Nullable<Text>,
        provider_invoice_id -> Nullable<Text>,
        provider_customer_id -> Nullable<Text>,
    }
}

diesel::table! {
    payments (id) {
        id -> Uuid,
        account_id -> Uuid,
        purpose -> Text,
        checkout_id -> Nullable<Uuid>,
        provider_customer_id -> Nullable<Text>,
        provider_subscription_id -> Nullable<Text>,
        provider_invoice_id -> Nullable<Text>,
        payment_intent_id -> Nullable<Text>,
        billing_reason -> Nullable<Text>,
        period_start -> Nullable<Timestamptz>,
        period_end -> Nullable<Timestamptz>,
        invoice_status -> Nullable<Text>,
        status -> Text,
        amount -> Int8,
        currency -> Text,
        refunded -> Int8,
        charge_refunded -> Int8,
        credits_granted -> Int4,
        credits_claimed -> Int4,
        description -> Nullable<Text>,
        hosted_invoice_url -> Nullable<Text>,
        paid_at -> Nullable<Timestamptz>,
        failed_at -> Nullable<Timestamptz>,
        action_required_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        credits_taken -> Int4,
        account_gone -> Bool,
    }
}

diesel::table! {
    pending_emails (user_id) {
        user_id -> Uuid,
        id -> Uuid,
        email -> Text,
        hash -> Nullable<Bytea>,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    plan_features (plan_id, feature) {
        plan_id -> Uuid,
        feature -> Text,
    }
}

diesel::table! {
    plan_limits (plan_id, key) {
        plan_id -> Uuid,
        key -> Text,
        max -> Nullable<Int4>,
    }
}

diesel::table! {
    plan_prices (id) {
        id -> Uuid,
        plan_id -> Uuid,
        interval -> Text,
        unit_amount -> Int8,
        currency -> Text,
        provider_price_id -> Nullable<Text>,
        retired_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        provider_archived_at -> Nullable<Timestamptz>,
        provider_told_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    plans (id) {
        id -> Uuid,
        key -> Text,
        name -> Text,
        description -> Nullable<Text>,
        tier -> Text,
        trial_days -> Int4,
        on_sale -> Bool,
        revision -> Int4,
        provider_product_id -> Nullable<Text>,
        provider_note -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        provider_revision -> Nullable<Int4>,
        provider_told_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    purchases (id) {
        id -> Uuid,
        account_id -> Uuid,
        seller_account_id -> Nullable<Uuid>,
        tree_id -> Uuid,
        tree_title -> Text,
        amount -> Int8,
        currency -> Text,
        platform_fee -> Int8,
        creator_payout -> Int8,
        status -> Text,
        checkout_id -> Nullable<Uuid>,
        payment_id -> Nullable<Uuid>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    refresh_tokens (hash) {
        hash -> Bytea,
        sign_in_id -> Uuid,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        used_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    refunds (provider_refund_id) {
        provider_refund_id -> Text,
        payment_id -> Uuid,
        amount -> Int8,
        currency -> Text,
        status -> Text,
        reason -> Nullable<Text>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    session_steps (account_id, session_id, seq) {
        account_id -> Uuid,
        session_id -> Uuid,
        seq -> Int4,
        kind -> Text,
        version_id -> Uuid,
        node_key -> Text,
        option_key -> Nullable<Text>,
        value -> Nullable<Json>,
        note -> Nullable<Text>,
        detail -> Json,
        to_seq -> Nullable<Int4>,
        by_user -> Uuid,
        at -> Timestamptz,
        active_ms -> Int8,
    }
}

diesel::table! {
    session_usage (account_id, month) {
        account_id -> Uuid,
        month -> Date,
        started -> Int4,
    }
}

diesel::table! {
    sessions (account_id, id) {
        account_id -> Uuid,
        id -> Uuid,
        tree_account_id -> Uuid,
        tree_id -> Uuid,
        version_id -> Uuid,
        subject -> Nullable<Text>,
        assignee_id -> Uuid,
        started_by -> Uuid,
        idempotency_key -> Nullable<Text>,
        status -> Text,
        outcome -> Nullable<Text>,
        state -> Json,
        revision -> Int4,
        started_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    sign_in_codes (user_id) {
        user_id -> Uuid,
        email -> Text,
        hash -> Text,
        tries -> Int2,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    sign_ins (id) {
        id -> Uuid,
        user_id -> Uuid,
        account_id -> Uuid,
        user_agent -> Nullable<Text>,
        ip_address -> Nullable<Text>,
        created_at -> Timestamptz,
        last_used_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    stripe_events (event_id) {
        event_id -> Text,
        #[sql_name = "type"]
        type_ -> Text,
        decision -> Text,
        decided_at -> Timestamptz,
    }
}

diesel::table! {
    subscription_changes (id) {
        id -> Uuid,
        account_id -> Uuid,
        user_id -> Nullable<Uuid>,
        operation -> Text,
        terms -> Text,
        idempotency_key -> Nullable<Text>,
        created_at -> Timestamptz,
        finished_at -> Nullable<Timestamptz>,
        refusals -> Int4,
        provider_subscription_id -> Nullable<Text>,
        course -> Nullable<Text>,
    }
}

diesel::table! {
    subscriptions (id) {
        id -> Uuid,
        account_id -> Uuid,
        plan_id -> Uuid,
        interval -> Nullable<Text>,
        status -> Text,
        seats -> Int4,
        current_period_start -> Nullable<Timestamptz>,
        current_period_end -> Nullable<Timestamptz>,
        cancel_at -> Nullable<Timestamptz>,
        canceled_at -> Nullable<Timestamptz>,
        ended_at -> Nullable<Timestamptz>,
        trial_end -> Nullable<Timestamptz>,
        collection_paused -> Bool,
        pending_plan_id -> Nullable<Uuid>,
        pending_interval -> Nullable<Text>,
        pending_seats -> Nullable<Int4>,
        needs_attention -> Nullable<Text>,
        provider -> Text,
        provider_subscription_id -> Nullable<Text>,
        provider_customer_id -> Nullable<Text>,
        is_primary -> Bool,
        version_created -> Nullable<Timestamptz>,
        version_until -> Nullable<Timestamptz>,
        version_event_id -> Nullable<Text>,
        version_previous -> Nullable<Json>,
        version_first -> Bool,
        version_contested -> Bool,
        raw -> Nullable<Json>,
        source -> Nullable<Text>,
        needs_refetch -> Bool,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    tree_texts (account_id, tree_id, edition, node_key) {
        account_id -> Uuid,
        tree_id -> Uuid,
        edition -> Text,
        node_key -> Text,
        heading -> Text,
        body -> Text,
        tags -> Text,
    }
}

diesel::table! {
    tree_versions (account_id, id) {
        account_id -> Uuid,
        id -> Uuid,
        tree_id -> Uuid,
        number -> Int4,
        digest -> Text,
        document -> Json,
        notes -> Nullable<Text>,
        published_by -> Uuid,
        published_at -> Timestamptz,
    }
}

diesel::table! {
    trees (account_id, id) {
        account_id -> Uuid,
        id -> Uuid,
        slug -> Text,
        title -> Text,
        summary -> Nullable<Text>,
        category -> Nullable<Text>,
        tags -> Array<Text>,
        locale -> Text,
        status -> Text,
        revision -> Int4,
        draft -> Json,
        draft_digest -> Text,
        published_version_id -> Nullable<Uuid>,
        session_count -> Int4,
        created_by -> Uuid,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    trial_grants (mailbox) {
        account_id -> Nullable<Uuid>,
        created_at -> Timestamptz,
        mailbox -> Bytea,
    }
}

diesel::table! {
    users (id) {
        id -> Uuid,
        number -> Int8,
        email -> Text,
        username -> Text,
        password_hash -> Nullable<Text>,
        first_name -> Nullable<Text>,
        last_name -> Nullable<Text>,
        avatar_url -> Nullable<Text>,
        email_verified_at -> Nullable<Timestamptz>,
        staff -> Bool,
        deactivated_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        erased_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    version_pins (account_id, version_id, node_key) {
        account_id -> Uuid,
        version_id -> Uuid,
        node_key -> Text,
        callee_account_id -> Uuid,
        callee_tree_id -> Uuid,
        callee_version_id -> Uuid,
    }
}

diesel::table! {
    webhook_deliveries (id) {
        id -> Uuid,
        event_id -> Text,
        #[sql_name = "type"]
        type_ -> Text,
        status -> Text,
        decision -> Nullable<Text>,
        attempts -> Int4,
        last_error -> Nullable<Text>,
        next_attempt_at -> Nullable<Timestamptz>,
        account_id -> Nullable<Uuid>,
        provider_customer_id -> Nullable<Text>,
        parked_under -> Nullable<Text>,
        payload -> Json,
        livemode -> Bool,
        api_version -> Nullable<Text>,
        received_at -> Timestamptz,
        processed_at -> Nullable<Timestamptz>,
    }
}

diesel::joinable!(audit_entries -> users (actor_id));
diesel::joinable!(checkouts -> accounts (account_id));
diesel::joinable!(checkouts -> plan_prices (plan_price_id));
diesel::joinable!(checkouts -> plans (plan_id));
diesel::joinable!(checkouts -> users (user_id));
diesel::joinable!(credit_balances -> accounts (account_id));
diesel::joinable!(credit_entries -> accounts (account_id));
diesel::joinable!(customers -> accounts (account_id));
diesel::joinable!(disputes -> payments (payment_id));
diesel::joinable!(email_changes -> users (user_id));
diesel::joinable!(email_tokens -> users (user_id));
diesel::joinable!(invitations -> accounts (account_id));
diesel::joinable!(listings -> accounts (account_id));
diesel::joinable!(identities -> users (user_id));
diesel::joinable!(memberships -> accounts (account_id));
diesel::joinable!(memberships -> users (user_id));
diesel::joinable!(payments -> accounts (account_id));
diesel::joinable!(payments -> checkouts (checkout_id));
diesel::joinable!(pending_emails -> users (user_id));
diesel::joinable!(plan_features -> plans (plan_id));
diesel::joinable!(plan_limits -> plans (plan_id));
diesel::joinable!(plan_prices -> plans (plan_id));
diesel::joinable!(purchases -> checkouts (checkout_id));
diesel::joinable!(purchases -> payments (payment_id));
diesel::joinable!(refresh_tokens -> sign_ins (sign_in_id));
diesel::joinable!(refunds -> payments (payment_id));
diesel::joinable!(sign_in_codes -> users (user_id));
diesel::joinable!(sign_ins -> accounts (account_id));
diesel::joinable!(sign_ins -> users (user_id));
diesel::joinable!(subscription_changes -> accounts (account_id));
diesel::joinable!(subscription_changes -> users (user_id));
diesel::joinable!(subscriptions -> accounts (account_id));
diesel::joinable!(trial_grants -> accounts (account_id));
diesel::joinable!(webhook_deliveries -> accounts (account_id));

diesel::allow_tables_to_appear_in_same_query!(
    accounts,
    alerts,
    audit_entries,
    billing_mails,
    card_fingerprints,
    categories,
    checkouts,
    credit_balances,
    credit_entries,
    credit_packs,
    customers,
    disputes,
    email_changes,
    email_tokens,
    invitations,
    identities,
    listings,
    mail_counts,
    memberships,
    outbox,
    payment_links,
    payments,
    pending_emails,
    plan_features,
    plan_limits,
    plan_prices,
    plans,
    purchases,
    refresh_tokens,
    refunds,
    session_steps,
    session_usage,
    sessions,
    sign_in_codes,
    sign_ins,
    stripe_events,
    subscription_changes,
    subscriptions,
    tree_texts,
    tree_versions,
    trees,
    trial_grants,
    users,
    version_pins,
    webhook_deliveries,
);
